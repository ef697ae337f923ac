"""Columns that are seeds of one method, put together.

Two columns are seeds of one method where they were made with the same settings and with different seeds (`arm_settings`):
arms of one run or of several, and runs without arms that state another seed. An ending such as "-seed2" only names them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from harness.core.evaluation import Formula
from harness.core.run_record import BenchmarkResult
from harness.core.stats import Sample, limits, mean_of, possible, why_no_interval
from reports.text.arm_settings import Settings, made_with
from reports.values.common_items import CommonItems
from reports.values.paired import width_of
from reports.values.seeds import Seeds, of_seeds, seeds_of_difference, seeds_of_metric
from reports.values.table import Cell, Column

_ENDING = re.compile(r"[\s_\-#.]+(?:seed|s)[\s_\-=]*\d+(?=$|-round\d+$)|\s#\d+$")
TEST = "t over seeds and images"


@dataclass(frozen=True, slots=True)
class Method:
    """Places of the columns that are its seeds, and which seed each is: seeds of two methods are paired by it."""

    name: str
    places: tuple[int, ...]
    seeds: tuple[str, ...]


def methods(columns: Sequence[Column], labels: Sequence[str], configs: Mapping[str, Settings]) -> list[Method]:
    """Every method with two seeds or more. `labels`: of the columns' sweeps; `configs`: settings by id of a run."""
    made = made_with(columns, labels, configs)
    groups: dict[str, dict[str, int]] = {}
    for i, (column, one) in enumerate(zip(columns, made, strict=True)):
        if one is not None and not column.is_baseline:
            groups.setdefault(one.settings, {}).setdefault(column.digest or str(i), i)  # the same weights twice are one seed
    seeds = [one.seeds if one is not None else "" for one in made]
    found = list[Method]()
    for places in (p for group in groups.values() for p in _of_different_seeds(list(group.values()), seeds, columns)):
        others = {c.label for i, c in enumerate(columns) if i not in places} | {method.name for method in found}
        name = _common_name([columns[i] for i in places], others)
        found.append(Method(name, tuple(places), tuple(seeds[i] for i in places)))
    return found


def _of_different_seeds(places: list[int], seeds: Sequence[str], columns: Sequence[Column]) -> list[list[int]]:
    """The whole group, or its part of each run where runs repeat a seed; what has one seed twice is no method."""
    if len({seeds[i] for i in places}) == len(places):
        return [places] if len(places) > 1 else []
    runs = dict.fromkeys(columns[i].run_id for i in places)
    parts = [[i for i in places if columns[i].run_id == run] for run in runs]
    return [part for part in parts if len({seeds[i] for i in part}) == len(part) > 1]


def without_seed(label: str) -> str:
    """ "dpo" of "dpo-seed1"."""
    return _ENDING.sub("", label)


def _common_name(columns: Sequence[Column], others: Collection[str]) -> str:
    """'bdhs' of 'bdhs-s0' and 'bdhs-s1', or of 'first: bdhs' and 'second: bdhs'; else, or where it names others, all names."""
    for short in ([without_seed(column.label) for column in columns], [c.label.rpartition(": ")[2] for c in columns]):
        if len(set(short)) == 1 and short[0] not in others:
            return short[0]
    return " + ".join(column.label for column in columns)


def short_columns(columns: Sequence[Column], found: Sequence[Method]) -> tuple[Column, ...]:
    """The columns with each method's seeds as one, where its first seed stands."""
    by_place = {place: method for method in found for place in method.places}
    short: dict[str, Column] = {}
    for i, column in enumerate(columns):
        method = by_place.get(i)
        if method is None:
            short[column.label] = column
        elif i == method.places[0]:
            seeds = [columns[place] for place in method.places]
            complete, differs = all(seed.complete for seed in seeds), any(seed.differs for seed in seeds)
            of = (method.name, "", "", "", "", column.aligner, complete, column.is_baseline, method.places, True, differs)
            short[method.name] = Column(*of, partial=column.partial)
    return tuple(short.values())


def pairing(base: Method, method: Method) -> list[tuple[int, int]]:
    """Which seed of the baseline each seed is compared with: the same one, or all where either side is a single checkpoint.

    Empty where both have several seeds and not the same ones, and for two single checkpoints whose seeds are known and differ:
    they saw other prompts in another order.
    """
    if len(base.places) == len(method.places) == 1 and all((*base.seeds, *method.seeds)) and base.seeds != method.seeds:
        return []
    if len(base.places) == 1 or len(method.places) == 1:
        return [(b, m) for b in range(len(base.places)) for m in range(len(method.places))]
    if sorted(base.seeds) != sorted(method.seeds) or len(set(base.seeds)) < len(base.seeds):
        return []
    return [(base.seeds.index(seed), m) for m, seed in enumerate(method.seeds)]


class Together:
    """The seeds of one method on one benchmark: the metric over the items that all its seeds answered, its difference over
    those of them that the baseline answered too.

    The metric is unknown where a seed lacks the benchmark, the difference where the baseline does, or no item is common.
    """

    def __init__(
        self,
        base: Method,
        method: Method,
        results: Sequence[BenchmarkResult | None],
        samples: Sequence[Sample | None],
        tests: int = 1,
    ) -> None:
        """`results` and `samples` (of equal names) are those of all columns; `method` may be the baseline itself.

        tests: differences of one metric whose intervals shall hold together (Bonferroni).
        """

        def of(places: Sequence[int]) -> CommonItems:
            there = [(r, s) for i in places if (r := results[i]) is not None and (s := samples[i]) is not None]
            return CommonItems(there if len(there) == len(places) else [])

        self._tests = tests
        self._is_base = base == method
        self._pairs, self._first = pairing(base, method), len(base.places)
        self._own, self._both = of(method.places), of((*base.places, *method.places))

    def seeds(self, formula: Formula) -> tuple[Seeds | None, Seeds | None]:
        """Of the metric, and of its difference to the baseline; None where they are unknown.

        The first is None for a single checkpoint too, the second for the baseline itself.
        """
        return self._metric(formula), None if self._is_base else self._shifts(formula)

    def _metric(self, formula: Formula) -> Seeds | None:
        found = self._own.linear(formula)
        if not found:
            return None
        own = self._own.samples(formula)
        return seeds_of_metric(found, limits(formula, own, mean_of(found)), possible(formula, *own))

    def _shifts(self, formula: Formula) -> Seeds | None:
        if not (found := self._both.linear(formula)):
            return None
        shifts = [found[self._first + m].minus(found[b]) for b, m in self._pairs]
        width = width_of(formula, *self._both.samples(formula))
        return seeds_of_difference(shifts, width, self._tests, units=self._both.units)

    def cell(self, formula: Formula, values: Seeds | None, shifts: Seeds | None, unknown: str) -> Cell:
        """The method's cell. `unknown`: why its value is, where it is."""
        n = self._own.n(formula)
        if values is None:
            return Cell(None, None, None, n, unknown or "its seeds have no item in common")
        why = why_no_interval(mean_of(self._own.linear(formula)), self._own.units) if values.low is None else ""
        answered, judged = self._own.judged()
        own = Cell(values.mean, values.low, values.high, n, why, n_answered=answered, n_judged=judged)
        return self.compared(own, formula, shifts)

    def compared(self, cell: Cell, formula: Formula, shifts: Seeds | None) -> Cell:
        """The same cell with its difference to the baseline in place of the one that it has."""
        if self._is_base:
            return cell
        if shifts is None:
            return self._both.not_compared(cell, formula)
        return self._both.compared(cell, formula, of_seeds(shifts, TEST), shifts.joint)
