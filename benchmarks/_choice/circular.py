"""Circular evaluation: every question is asked once for each rotation of its options, and counts where all are right.

Liu et al. 2023 (MMBench), arXiv:2307.06281, section 4.3: a model that prefers a letter, or guesses, is right in some rotations
only. The plain accuracy stays that of the options as published; rotated items add nothing to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from benchmarks._together.groups import all_right, share_incomplete, share_of_groups
from harness.core.evaluation import Formula, Item, Score

FORMULAS: tuple[Formula, ...] = (
    share_of_groups("circular_accuracy", "rotation", headline=True, about="right in every rotation of the options"),
    share_incomplete("rotation"),
)


def rotated(options: Mapping[str, str], by: int) -> dict[str, str]:
    """The same letters with the texts moved on: by 1, the text of A stands at B and the last one at A."""
    texts = list(options.values())
    start = -by % len(texts)
    return dict(zip(options, texts[start:] + texts[:start], strict=True))


def moved(letter: str, options: Mapping[str, str], by: int) -> str:
    """The letter under which an option's text stands after the rotation."""
    letters = list(options)
    return letters[(letters.index(letter) + by) % len(letters)]


def with_rotations(items: Sequence[Item], label: str, reworded: Callable[[Item, Mapping[str, str]], Item | None]) -> list[Item]:
    """Each item, followed by its rotations; ids "ID/rotation N".

    label: the field of `truth` that holds the right letter. reworded: the item asking with other options, None where its
    options cannot be taken apart: it has no rotation then, and counts by its one answer.
    """
    found = []
    for item in items:
        options = item.truth["options"]
        turned = [reworded(item, rotated(options, by)) for by in range(1, len(options))]
        whole = [other for other in turned if other is not None]
        group = {"rotation": [item.id, 1 + len(whole)]}
        groups = {**item.truth.get("groups", {}), **group}
        found.append(replace(item, truth={**item.truth, "groups": groups}))
        for by, other in enumerate(whole, start=1):
            own = {label: moved(item.truth[label], options, by), "groups": group, "rotation": by}
            found.append(replace(other, id=f"{item.id}/rotation {by}", truth={**other.truth, **own}))
    return found


def is_rotation(item: Item) -> bool:
    """Whether an item asks with its options in another order than published."""
    return bool(item.truth.get("rotation", 0))


def as_rotation(score: Score) -> Score:
    """The score without addends: only `circular_accuracy` counts it."""
    return replace(score, values={"rotations asked": 1.0})


def circular_addends(items: Sequence[Item], scores: Sequence[Score], label: str) -> dict[int, dict[str, float]]:
    """Addends of whole groups. A group whose label was corrected in one rotation alone counts as incomplete."""
    first = {item.truth["groups"]["rotation"][0]: item for item in items if not is_rotation(item)}

    def agrees(item: Item) -> bool:
        asked = first.get(item.truth["groups"]["rotation"][0])
        own = item.truth["options"].get(item.truth[label])
        return asked is not None and own == asked.truth["options"].get(asked.truth[label])

    known = [score if agrees(item) else replace(score, correct=None) for item, score in zip(items, scores, strict=True)]
    return all_right(items, known, "rotation")
