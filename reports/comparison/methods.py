"""Columns that are seeds of one method, put together.

Two columns are seeds of one method where they were made with the same settings and with different seeds (`arm_settings`):
arms of one run or of several, and runs without arms that state another seed. An ending such as "-seed2" only names them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.core.evaluation import Formula
from harness.core.run_record import BenchmarkResult
from harness.core.stats import Sample, limits, linearise, mean_of, moving, possible
from reports.text.arm_settings import Settings, made_with
from reports.values.paired import Difference, counts_unjudged, is_a_share, on_common_items, unjudged_rows
from reports.values.seeds import Seeds, seeds_of_difference, seeds_of_metric
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
            short[method.name] = Column(*of)
    return tuple(short.values())


def pairing(base: Method, method: Method) -> list[tuple[int, int]]:
    """Which seed of the baseline each seed is compared with: the same one, or all where either side is a single checkpoint.

    Empty where both have several seeds and not the same ones.
    """
    if len(base.places) == 1 or len(method.places) == 1:
        return [(b, m) for b in range(len(base.places)) for m in range(len(method.places))]
    if sorted(base.seeds) != sorted(method.seeds) or len(set(base.seeds)) < len(base.seeds):
        return []
    return [(base.seeds.index(seed), m) for m, seed in enumerate(method.seeds)]


class Together:
    """The seeds of one method on one benchmark, over the items that the baseline and every seed answered.

    Nothing is known where a seed or the baseline lacks the benchmark, or no item is common.
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
        self._tests = tests
        self._is_base = base == method
        self._pairs, self._first = pairing(base, method), 0 if self._is_base else len(base.places)
        places = method.places if self._is_base else (*base.places, *method.places)
        there = [(r, s) for i in places if (r := results[i]) is not None and (s := samples[i]) is not None]
        self._there = there if len(there) == len(places) else []
        self._unjudged = unjudged_rows((result.scores, sample) for result, sample in self._there)
        self._common: dict[bool, tuple[list[Sample], int]] = {}

    def _on_common(self, formula: Formula) -> tuple[list[Sample], int]:
        """The samples on the items that all answered, and how many items that leaves out."""
        unjudged = counts_unjudged(formula, self._unjudged)
        if unjudged not in self._common:
            self._common[unjudged] = on_common_items(self._there, unjudged) if self._there else ([], 0)
        return self._common[unjudged]

    def seeds(self, formula: Formula) -> tuple[Seeds | None, Seeds | None]:
        """Of the metric, and of its difference to the baseline.

        The first is None for a single checkpoint, the second for the baseline itself; both where a seed is unknown.
        """
        samples, _ = self._on_common(formula)
        if not samples:
            return None, None
        moved, first = self._moving(formula), self._first
        found = [linearise(formula, s, moved) for s in samples]
        if not all(np.isfinite(one.value[0]) for one in found):
            return None, None
        own = samples[first:]
        bounds = possible(formula, *own)
        metric = seeds_of_metric(found[first:], limits(formula, own, mean_of(found[first:])), bounds)
        if self._is_base:
            return metric, None
        shifts = [found[first + m].minus(found[b]) for b, m in self._pairs]
        return metric, seeds_of_difference(shifts, is_a_share(formula, *samples), self._tests)

    def _moving(self, formula: Formula) -> NDArray[np.bool_]:
        moved: NDArray[np.bool_] = np.any([moving(formula, s) for s in self._on_common(formula)[0]], axis=0)
        return moved

    def cell(self, formula: Formula, values: Seeds, shifts: Seeds | None) -> Cell:
        own = self._on_common(formula)[0][self._first :]
        moved = np.any([moving(formula, s) for s in own], axis=0)  # by any of its seeds
        plain = Cell(values.mean, values.low, values.high, int(moved.sum()))
        return self.compared(plain, formula, shifts) if shifts is not None else plain

    def compared(self, cell: Cell, formula: Formula, shifts: Seeds) -> Cell:
        """The same cell with its difference to the baseline."""
        difference = Difference(shifts.mean, shifts.low, shifts.high, shifts.p, None, shifts.error, shifts.freedom, TEST)
        cell = replace(cell, joint=shifts.joint)
        n_paired, (_, n_left_out) = int(self._moving(formula).sum()), self._on_common(formula)
        return replace(cell, difference=difference, n_paired=n_paired, n_left_out=n_left_out)
