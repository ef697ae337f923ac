"""Groups whose images should differ but do not: two names for one file make labels that contradict each other.

No official scorer looks. One file name in both places is an error of the question file and refused where it is read; two names
whose files have the same bytes are an error of the images: such a set is still scored, and its answers are flagged. A copy
that was encoded again has other bytes and is not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.core import flags
from harness.core.evaluation import Item, Score
from harness.core.plugins import Data

_TRUTH = "same image"


def marked(data: Data, items: Sequence[Item]) -> list[Item]:
    """The items; those about an image whose bytes another image of their group has too say so in their truth."""
    twins = _twins(data, {(item.group, item.image) for item in items if item.image})
    if not twins:
        return list(items)
    return [replace(item, truth={**item.truth, _TRUTH: True}) if (item.group, item.image) in twins else item for item in items]


def _twins(data: Data, images: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """(group, image) of images that share their bytes with another of their group; only files of equal size are read."""
    by_size: dict[tuple[str, int], list[str]] = {}
    for group, image in images:
        try:
            size = (data.folder / image).stat().st_size
        except (OSError, ValueError):
            continue  # a missing image is reported where images are checked
        by_size.setdefault((group, size), []).append(image)
    by_bytes: dict[tuple[str, str], list[str]] = {}
    for (group, _), names in by_size.items():
        for image in names if len(names) > 1 else ():
            if data.has(image):
                by_bytes.setdefault((group, data.digest(image)), []).append(image)
    return {(group, image) for (group, _), names in by_bytes.items() if len(names) > 1 for image in names}


def facts(items: Sequence[Item]) -> dict[str, str]:
    """For the protocol: how many groups have one image under two names; nothing where none has."""
    groups = {item.group for item in items if item.truth.get(_TRUTH)}
    return {"groups with one image under two names": f"{len(groups):,}"} if groups else {}


def flagged(score: Score, item: Item) -> Score:
    """The score with the flag of its item's image; what was not judged stays so."""
    return replace(score, flag=flags.SAME_IMAGE) if item.truth.get(_TRUTH) and score.flag != flags.UNJUDGED else score
