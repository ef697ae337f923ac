"""Pairs whose prompt says nothing, or shows nothing: an image alone before the answers, or a text alone; seldom meant."""

from __future__ import annotations

from collections.abc import Sequence

from alignment.data.image_marks import strip_image
from harness.core.preference import PreferencePair


def unasked(pairs: Sequence[PreferencePair]) -> tuple[str, ...]:
    """What a run says where prompts have no words."""
    n = sum(not strip_image(pair.prompt).strip() for pair in pairs)
    if not n:
        return ()
    return (
        f"{n:,} of {len(pairs):,} pairs have no words in their prompt: their answers are learned behind the image alone. "
        "Fill in the prompts of the file if that is not meant.",
    )


def without_images(pairs: Sequence[PreferencePair]) -> tuple[str, ...]:
    """What a run says where pairs show no image."""
    n = sum(not pair.images for pair in pairs)
    if not n:
        return ()
    return (
        f"{n:,} of {len(pairs):,} pairs show no image: they are trained on as text alone. If that is not meant, look at the "
        "key that names the images in the file.",
    )
