"""A benchmark asked in several wordings as one result: the wordings are a random effect, as seeds of a method are.

The results "pope-wording1" and "pope-wording2" (`wordings:` of a benchmark in the study) become the rows of "pope": means over
wordings, whose intervals and tests cover the wordings (t with W - 1 degrees of freedom) beside the images, and the
seeds where there are several. Wordings differ at random from those that somebody else would choose; two of them say little.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from harness.core.evaluation import Formula
from harness.core.run_record import BenchmarkResult
from harness.core.stats import Linear, Sample, limits, mean_of, possible, why_no_interval
from reports.values.common_items import CommonItems, why_of_seeds
from reports.values.paired import width_of
from reports.values.seeds import of_seeds, random_effect, seeds_of_difference, seeds_of_metric
from reports.values.table import Cell

_MEMBER = re.compile(r"^(.+)-wording\d+$")
OTHER_ITEMS = (  # why a value is unknown
    "the wordings were asked other items; labels that end in -wording1, -wording2 are reserved for the same items in several "
    "wordings, so give other labels to sweeps of different items"
)
OTHER_WORDINGS = "asked in other wordings than the baseline"  # why there is no difference
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

    def __init__(
        self,
        labels: Sequence[str],
        results: Sequence[Results],
        samples: Sequence[Sequence[Sample | None]],
        tests: int = 1,
    ) -> None:
        """labels: of the columns. tests: differences of one metric whose intervals shall hold together (Bonferroni)."""
        self._labels, self._results, self._samples, self._tests = labels, results, samples, tests
        self._common: dict[tuple[int, ...], CommonItems] = {}

    def cell(self, formula: Formula, places: Sequence[int]) -> Cell | None:
        """The cell of one column, or of the columns that are a method's seeds; None where none of them was asked.

        The value is over the items that these answered in all their wordings, the difference over those of them that the
        baseline (column 0) answered too; there is none where the baseline was asked in other wordings.
        """
        asked = [self._asked(j) for j in places]
        if not any(asked):
            return None
        own = self._items(places)
        found = _by_column(own.linear(formula), len(places))
        if len(asked[0]) < 2 or asked.count(asked[0]) < len(asked) or not found:
            return Cell(None, None, None, own.n(formula), self._why_unknown(formula, places))
        plain = self._metric(formula, found, own)
        base = self._asked(0)
        if 0 in places or not base:
            return plain
        return self._compared(plain, formula, places) if base == asked[0] else replace(plain, unpaired=OTHER_WORDINGS)

    def _asked(self, j: int) -> list[int]:
        """The wordings that column j was asked in."""
        return [w for w, results in enumerate(self._results) if results[j] is not None]

    def _items(self, columns: Sequence[int]) -> CommonItems:
        key = tuple(columns)
        if key not in self._common:
            sides = [(rs[j], ss[j]) for j in columns for rs, ss in zip(self._results, self._samples, strict=True)]
            self._common[key] = CommonItems([(r, s) for r, s in sides if r is not None and s is not None])
        return self._common[key]

    def _why_unknown(self, formula: Formula, places: Sequence[int]) -> str:
        if any(_asked_other_items([results[j] for results in self._results]) for j in places):
            return OTHER_ITEMS
        most, reasons = max((self._asked(j) for j in places), key=len), []
        for j in places:
            asked, alone = self._asked(j), self._items([j])
            if asked and (asked != most or len(asked) < 2):
                reasons.append((self._labels[j], f"asked in {len(asked)} of {len(self._results)} wordings"))
            elif not asked or not alone.linear(formula):
                why = (
                    f"{formula.unknown} in one of the wordings"
                    if alone.samples(formula)
                    else "no item answered in all wordings"
                )
                reasons.append((self._labels[j], why if asked else ""))
        if len(places) == 1:
            return "".join(why for _, why in reasons)
        return why_of_seeds(reasons) or "its seeds have no item in common"

    def _metric(self, formula: Formula, seeds: Sequence[Sequence[Linear]], own: CommonItems) -> Cell:
        samples, (sides, also) = own.samples(formula), _effects(seeds)
        bounds, n = possible(formula, *samples), own.n(formula)
        values = seeds_of_metric(sides, limits(formula, samples, mean_of(sides)), bounds, also)
        if values is None:
            return Cell(None, None, None, n)
        why = why_no_interval(mean_of(sides), own.units) if values.low is None else ""
        answered, judged = own.judged()
        return Cell(values.mean, values.low, values.high, n, why, n_answered=answered, n_judged=judged)

    def _compared(self, cell: Cell, formula: Formula, places: Sequence[int]) -> Cell:
        both = self._items([0, *places])
        sides = _by_column(both.linear(formula), 1 + len(places))
        if not sides:
            return both.not_compared(cell, formula)
        shifts = [[after.minus(before) for after, before in zip(side, sides[0], strict=True)] for side in sides[1:]]
        levels, also = _effects(shifts)
        width = width_of(formula, *both.samples(formula))
        found = seeds_of_difference(levels, width, self._tests, also, both.units)
        if found is None:
            return cell
        return both.compared(cell, formula, of_seeds(found, TEST), found.joint)


def _by_column(found: Sequence[Linear], n: int) -> list[list[Linear]]:
    """All wordings of n columns, one column after another -> [column][wording]; empty where there is none."""
    each = len(found) // n
    return [list(found[k * each : (k + 1) * each]) for k in range(n)] if found else []


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
