"""Pairs whose prompt says nothing: an image alone before the answers, which is seldom meant."""

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
