"""A benchmark asked in several wordings as one result: the wordings are a random effect, as seeds of a method are.

The results "pope-wording1" and "pope-wording2" (`wordings:` of a benchmark in the study) become the rows of "pope": means over
wordings, whose intervals and tests hold the scatter of wordings (t with W - 1 degrees of freedom) beside that of images, and of
seeds where there are several. Wordings differ at random from those that somebody else would choose; two of them say little.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.core.evaluation import Formula
from harness.core.run_record import BenchmarkResult
from harness.core.stats import Linear, Sample, limits, linearise, mean_of, moving, possible
from reports.values.paired import Difference, counts_unjudged, is_a_share, on_common_items, unjudged_rows
from reports.values.seeds import Seeds, random_effect, seeds_of_difference, seeds_of_metric
from reports.values.table import Cell

_MEMBER = re.compile(r"^(.+)-wording\d+$")
OTHER_ITEMS = (  # why a value is unknown
    "the wordings were asked other items; labels that end in -wording1, -wording2 are reserved for the same items in several "
    "wordings, so give other labels to sweeps of different items"
)
TEST = "t over wordings and images"
Results = Sequence[BenchmarkResult | None]


def wording_groups(names: Sequence[str]) -> dict[str, list[str]]:
    """Name of the whole -> its wordings, of two or more."""
    found: dict[str, list[str]] = {}
    for name in names:
        if member := _MEMBER.match(name):
            found.setdefault(member[1], []).append(name)
    return {whole: members for whole, members in found.items() if len(members) > 1 and whole not in names}


class Wordings:
    """One benchmark in W wordings: `results[w][j]` and `samples[w][j]` (all of equal names) are those of column j."""

    def __init__(self, results: Sequence[Results], samples: Sequence[Sequence[Sample | None]], tests: int = 1) -> None:
        """tests: differences of one metric whose intervals shall hold together (Bonferroni)."""
        self._results, self._samples, self._tests = results, samples, tests
        self._other_items = any(map(_asked_other_items, zip(*results, strict=True)))

    def cell(self, formula: Formula, places: Sequence[int]) -> Cell | None:
        """The cell of one column, or of the columns that are a method's seeds; None where one of them lacks a wording."""
        columns = list(places) if 0 in places else [0, *places]
        there = [(j, r, s) for j in columns for r, s in self._of(j) if r is not None and s is not None]
        if len(there) < len(columns) * len(self._results):
            return None
        measured = [(result, sample) for _, result, sample in there]
        unjudged = counts_unjudged(formula, unjudged_rows((result.scores, sample) for result, sample in measured))
        samples, left_out = on_common_items(measured, unjudged)
        unknown = Cell(None, None, None, 0, OTHER_ITEMS if self._other_items else formula.unknown)
        if not samples:
            return unknown if self._other_items else None
        moved = np.any([moving(formula, s) for s in samples], axis=0)
        found = {
            j: [linearise(formula, s, moved) for (k, _, _), s in zip(there, samples, strict=True) if k == j] for j in columns
        }
        if not all(np.isfinite(one.value[0]) for side in found.values() for one in side):
            return unknown
        own = [s for (j, _, _), s in zip(there, samples, strict=True) if j in places]
        plain = self._metric(formula, [found[j] for j in places], own)
        if 0 in places:
            return plain
        shifts = [[after.minus(before) for after, before in zip(found[j], found[0], strict=True)] for j in places]
        return self._compared(plain, shifts, is_a_share(formula, *samples), int(moved.sum()), left_out)

    def _of(self, j: int) -> list[tuple[BenchmarkResult | None, Sample | None]]:
        return [(results[j], samples[j]) for results, samples in zip(self._results, self._samples, strict=True)]

    def _metric(self, formula: Formula, seeds: Sequence[Sequence[Linear]], own: Sequence[Sample]) -> Cell:
        bounds, (sides, also) = possible(formula, *own), _effects(seeds)
        values = seeds_of_metric(sides, limits(formula, own, mean_of(sides)), bounds, also)
        n = int(np.any([moving(formula, s) for s in own], axis=0).sum())
        return Cell(None, None, None, n) if values is None else Cell(values.mean, values.low, values.high, n)

    def _compared(self, cell: Cell, shifts: Sequence[Sequence[Linear]], share: bool, n: int, left_out: int) -> Cell:
        sides, also = _effects(shifts)
        found: Seeds | None = seeds_of_difference(sides, share, self._tests, also)
        if found is None:
            return cell
        difference = Difference(found.mean, found.low, found.high, found.p, None, found.error, found.freedom, TEST)
        return replace(cell, difference=difference, n_paired=n, n_left_out=left_out, joint=found.joint)


def _asked_other_items(column: Results) -> bool:
    """One checkpoint was asked other items in one wording than in another."""
    asked = [{item.id for item in result.items} for result in column if result is not None]
    return any(items != asked[0] for items in asked)


def _effects(seeds: Sequence[Sequence[Linear]]) -> tuple[list[Linear], list[tuple[float, int]]]:
    """[seed][wording] -> the levels of one random effect, and the other as (standard error of the mean, degrees of freedom)."""
    if len(seeds) == 1:
        return list(seeds[0]), []
    by_wording = [mean_of(side) for side in zip(*seeds, strict=True)]
    return [mean_of(side) for side in seeds], [random_effect(by_wording)]
