"""Sides of a comparison with items that an id means on all of them: what it is of, and as much of it.

An id alone does not make two items one: files count their rows, so that a row more shifts all of them, and two sets may both
have ids 0 to 99. Answer files may answer a question of POPE otherwise in each split; it is taken apart then ("a.jpg Is there a
dog? (random/1)"), and is compared as a whole with a side on which it is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from harness.core.evaluation import Item
from harness.core.run_record import BenchmarkResult
from harness.core.stats import Sample

Sides = Sequence[tuple[BenchmarkResult, Sample]]


def alike(there: Sides) -> Sides:
    """The sides, with an id of its own for an item that is another one than on the first side that has its id, and with the
    parts of an item that is whole on another side put together.

    there: each side's result and the sample of its scores. Results keep their answers: they are for matching alone.
    """
    first, *others = (result.items for result, _ in there)
    if all(items is first or _content(items) == _content(first) for items in others):
        return there
    return _put_together(_told_apart(there))


def same_items(one: BenchmarkResult, other: BenchmarkResult) -> bool:
    """Whether two results are about the same items with the same truth, taken apart or not, with their images or without."""
    if one.items is other.items:
        return True
    own, its = _wholes(one), _wholes(other)
    return own.keys() == its.keys() and all(
        (a.question, a.truth) == (b.question, b.truth) and (a.image == b.image or not (a.image and b.image))
        for a, b in ((own[item_id], its[item_id]) for item_id in own)
    )


def _wholes(result: BenchmarkResult) -> dict[str, Item]:
    parts: dict[str, list[Item]] = {}
    for item in result.items:
        parts.setdefault(result.whole([item]).id, []).append(item)
    return {item.id: item for item in (result.whole(own) for own in parts.values())}


def other_items(one: BenchmarkResult, other: BenchmarkResult) -> frozenset[str]:
    """Ids under which two results have different items.

    Of another image, or of another question and another truth. Another question about the same image may be a wording of the
    same; where other ids show that the items are others, it is not. An image that is not shown is no other one, and a prompt
    that is the same for all items says nothing of one. Another question with neither an image nor a truth beside it is another
    item: nothing is left that both have in common.

    One item that is another one makes all questions that differ others, also those with the same image and truth: in a list
    that is shifted by a row most questions still are about the same image, and half of all answers still are "yes".
    """
    if one.items is other.items:
        return frozenset()
    known = {item.id: item for item in one.items}
    both = [(known[item.id], item) for item in other.items if item.id in known]
    worded = all(len({_line(item) for item in result.items}) == 1 for result in (one, other))
    named = [(a, b) for a, b in both if a.image and b.image and a.image != b.image]
    images = frozenset(a.id for a, b in named if _image(a) != _image(b))
    asked = [] if worded else [(a, b) for a, b in both if a.question != b.question]
    questions = [(a, b) for a, b in asked if _line(a) != _line(b)]
    if not images and all(a.truth == b.truth and (a.truth or (a.image and b.image)) for a, b in questions):
        return frozenset()
    return images | {a.id for a, _ in questions}


def _content(items: Iterable[Item]) -> list[tuple[str, str, str]]:
    return [(item.id, item.image, item.question) for item in items]


def _image(item: Item) -> str:
    return PurePosixPath(item.image).stem


def _line(item: Item) -> str:
    """Without lines of options, whose order may be a setting."""
    return item.question.split("\n", maxsplit=1)[0].strip()


def _told_apart(there: Sides) -> Sides:
    found = [there[0]]
    for n, (result, sample) in enumerate(there[1:], 2):
        others = frozenset[str]().union(*(other_items(earlier, result) for earlier, _ in found))
        found.append((_renamed(result, others, n), sample) if others else (result, sample))
    return found


def _renamed(result: BenchmarkResult, ids: frozenset[str], side: int) -> BenchmarkResult:
    names = {item_id: f"{item_id} (of side {side})" for item_id in ids}
    items = tuple(replace(item, id=names.get(item.id, item.id)) for item in result.items)
    scores = tuple(replace(score, item_id=names.get(score.item_id, score.item_id)) for score in result.scores)
    return replace(result, items=items, scores=scores)


def _put_together(there: Sides) -> Sides:
    whole = [{item.id for item in result.items} for result, _ in there]
    parts = [_parts(result) for result, _ in there]
    return [
        _joined(result, sample, {w: own for w, own in mine.items() if any(w in ids for ids in whole)})
        for mine, (result, sample) in zip(parts, there, strict=True)
    ]


def _parts(result: BenchmarkResult) -> dict[str, list[Item]]:
    """Id of the whole item -> its parts, of the items that are apart here."""
    found: dict[str, list[Item]] = {}
    for item in result.items:
        if (whole := result.whole([item]).id) != item.id:
            found.setdefault(whole, []).append(item)
    return {whole: own for whole, own in found.items() if result.whole(own).id == whole}


def _joined(result: BenchmarkResult, sample: Sample, parts: Mapping[str, Sequence[Item]]) -> tuple[BenchmarkResult, Sample]:
    """The result with one item and one score in the place of these parts, where all of them have a score, and in the sample the
    sum of what counts rows, which is of a slice ("random/tp"), and the mean of what counts answers ("unclear")."""
    own, scored = {item.id for item in result.items}, {score.item_id for score in result.scores if score.values}
    kept = {w: items for w, items in parts.items() if w not in own and all(item.id in scored for item in items)}
    of = {item.id: w for w, items in kept.items() for item in items}
    if not of:
        return result, sample
    rows: dict[str, list[int]] = {}
    for row, score in enumerate(result.scores):
        rows.setdefault(of.get(score.item_id, score.item_id), []).append(row)
    first = {item_id: result.scores[own[0]] for item_id, own in rows.items()}  # differences go by the sample, not by a score
    scores = tuple(
        replace(score, item_id=item_id, correct=score.correct if len(rows[item_id]) == 1 else None)
        for item_id, score in first.items()
    )
    of_answer = np.array(["/" not in name for name in sample.names], dtype=np.bool_)
    sums = [sample.values[own].sum(axis=0) / np.where(of_answer, len(own), 1) for own in rows.values()]
    values = np.array(sums).reshape(len(rows), len(sample.names))
    items = [result.whole(kept[of[item.id]]) if item.id in of else item for item in result.items]
    by_id = {item.id: item for item in items}
    made = replace(result, items=tuple(by_id.values()), scores=scores)
    return made, Sample(sample.names, values, sample.cluster[[own[0] for own in rows.values()]])
