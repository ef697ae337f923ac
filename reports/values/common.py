"""Several sides' scores cut to the items that all of them answered.

Addends of several items together (a pair, a figure, a group: `JOINT`) are counted again over these items alone, so that a group
counts where all of its members are common, and on no side where one is not: a side that lacks the first half of a pair has
no whole pair, and the other side's must not stand against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import JudgeError
from harness.core.evaluation import Formula, Score
from harness.core.flags import JOINT, UNJUDGED
from harness.core.run_record import BenchmarkResult
from harness.core.stats import Sample, addend_names, items_counted, sample
from reports.values.alike import Sides, alike


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """`samples`: one a side, of equal names, over the same items in the same order; no rows where no item is common.

    left_out: the items that not all sides have, a sample for each side that has any, without addends of groups. groups: a row
    an item, 1 under the addends of a group that counts on a side and not here. n_alone: how many items not all sides have.
    """

    samples: list[Sample]
    left_out: tuple[Sample, ...] = ()
    groups: Sample | None = None
    n_alone: int = 0

    def n_left_out(self, formula: Formula) -> int:
        """How many items that not all sides have move this formula."""
        return sum(items_counted(formula, side) for side in self.left_out)

    def n_groups_left_out(self, formula: Formula) -> int:
        """How many groups of items move this formula on a side, of which a member is not common."""
        return items_counted(formula, self.groups) if self.groups is not None else 0


def compared_items(scores: Sequence[Score], unjudged: bool = False) -> dict[str, int]:
    """Item -> place of its score, of those that a difference may be made of: a score without values counts as no answer, and
    one that no judge has judged too, unless `unjudged`."""
    return {s.item_id: i for i, s in enumerate(scores) if s.values and (unjudged or s.flag != UNJUDGED)}


def on_common_items(there: Sides, unjudged: bool = False) -> Common:
    """The samples on the items that all sides answered (`compared_items`), in the order of the first.

    there: each side's result and the sample of its scores, of equal names. Items of one id are matched where they are the same
    (`alike`).
    """
    there = alike(there)
    places = [compared_items(result.scores, unjudged) for result, _ in there]
    common = [item for item in places[0] if all(item in place for place in places[1:])]
    whole = all(list(place) == common for place in places) and all(len(r.scores) == len(common) for r, _ in there)
    if whole and all(np.array_equal(sample.cluster, there[0][1].cluster) for _, sample in there[1:]):
        return Common([sample for _, sample in there])  # the usual case
    samples = _cut(there, places, common)
    kept = set(common)
    alone = [[at for item, at in place.items() if item not in kept] for place in places]
    left_out = [_without_groups(one.rows(rows)) for rows, (_, one) in zip(alone, there, strict=True) if rows]
    n_alone = len({item for place in places for item in place}) - len(common)
    return Common(samples, tuple(left_out), _broken_groups(there, places, common, samples), n_alone)


def _cut(there: Sides, places: Sequence[Mapping[str, int]], common: Sequence[str]) -> list[Sample]:
    rows = [[place[item] for item in common] for place in places]
    cluster = _clusters(there, rows)
    if all(result.together is None and not _joint(one.names).any() for result, one in there):
        return [Sample(one.names, one.rows(own).values, cluster) for own, (_, one) in zip(rows, there, strict=True)]
    scores = [_counted_again(result, own) for own, (result, _) in zip(rows, there, strict=True)]
    names = tuple(dict.fromkeys((*there[0][1].names, *(name for own in scores for name in addend_names(own)))))
    return [Sample(names, sample(cluster.tolist(), own, names).values, cluster) for own in scores]


def _counted_again(result: BenchmarkResult, rows: Sequence[int]) -> Sequence[Score]:
    """These scores with the groups that are whole among them; with none where their benchmark does not tell its groups, or only
    to one that has its judge."""
    scores, items = [result.scores[row] for row in rows], {item.id: item for item in result.items}
    try:
        if result.together is not None:
            return result.together([items[score.item_id] for score in scores], scores)
    except JudgeError:
        pass
    return [replace(s, values={n: v for n, v in s.values.items() if not n.startswith(JOINT)}) for s in scores]


def _broken_groups(
    there: Sides, places: Sequence[Mapping[str, int]], common: Sequence[str], samples: Sequence[Sample]
) -> Sample | None:
    names = samples[0].names
    columns = np.flatnonzero(_joint(names))
    if not len(columns):
        return None
    row = {item: i for i, item in enumerate(dict.fromkeys(item for place in places for item in place))}
    counted = np.zeros((len(row), len(names)), dtype=np.bool_)
    for place, (_, one) in zip(places, there, strict=True):
        own = [(i, one.names.index(names[i])) for i in columns if names[i] in one.names]
        at = [row[item] for item in place]
        for i, j in own:
            counted[at, i] |= one.values[list(place.values()), j] != 0
    at = [row[item] for item in common]
    for one in samples:
        counted[at] &= one.values == 0
    return Sample(names, counted.astype(np.float64), np.zeros(len(row), dtype=np.intp))


def _clusters(there: Sides, rows: Sequence[Sequence[int]]) -> NDArray[np.intp]:
    """The cluster of each common item, (I,): where a side resamples objects and another one images, items that either of them
    has in one cluster are in one, so that the sides are drawn together. `rows`: of the common items, by side.

    A side that does not know an item's image says nothing of its cluster where another side does.
    """
    named = [_named(result, own) for own, (result, _) in zip(rows, there, strict=True)]
    known = np.any(named, axis=0)
    fresh = [one.n_clusters + np.arange(len(known)) for _, one in there]
    codes = [
        np.where(known & ~its, alone, one.cluster[list(own)])
        for its, alone, own, (_, one) in zip(named, fresh, rows, there, strict=True)
    ]
    joined = np.unique(codes[0], return_inverse=True)[1]
    for _ in range(len(joined)):  # until no side's cluster is in two
        before = joined
        for own in codes:
            least = np.full(own.max(initial=-1) + 1, len(joined), dtype=np.intp)
            np.minimum.at(least, own, joined)
            joined = least[own]
        if np.array_equal(before, joined):
            break
    return np.unique(joined, return_inverse=True)[1].astype(np.intp)


def _named(result: BenchmarkResult, rows: Sequence[int]) -> NDArray[np.bool_]:
    """Which items' image or group is known, (I,)."""
    unknown = {item.id for item in result.items if not item.cluster}
    return np.array([result.scores[row].item_id not in unknown for row in rows], dtype=np.bool_)


def _joint(names: Iterable[str]) -> NDArray[np.bool_]:
    """Which names are of addends of several items, (V,)."""
    return np.array([name.startswith(JOINT) for name in names], dtype=np.bool_)


def _without_groups(one: Sample) -> Sample:
    return Sample(one.names, one.values * ~_joint(one.names), one.cluster)
