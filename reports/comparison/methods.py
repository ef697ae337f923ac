"""Columns that are seeds of one method, put together.

Two columns are seeds of one method when their runs' configurations are equal but for the run's name and its seeds,
and their sweeps bear the same label but for an ending such as "-seed2" or "-s2" (arms of one run).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.core.evaluation import Formula
from harness.core.run_record import BenchmarkResult
from harness.core.stats import Sample, limits, linearise, mean_of, moving, possible
from reports.values.paired import Difference, counts_unjudged, is_a_share, on_common_items, unjudged_rows
from reports.values.seeds import Seeds, seeds_of_difference, seeds_of_metric
from reports.values.table import Cell, Column

# top-level lines that name a run or its report alone needs, and seeds wherever they stand; a nested `name:` is a plug-in's
_OWN = re.compile(r"^(?:name|label|output|folder|baseline)\s*:.*$|\bseed\s*:\s*\d+\s*,?", re.MULTILINE)
_SEED = re.compile(r"^seed\s*:\s*(\d+)\s*$", re.MULTILINE)
_ENDING = re.compile(r"[\s_\-#.]+(?:seed|s)[\s_\-=]*\d+(?=$|-round\d+$)|\s#\d+$")
TEST = "t over seeds and images"


@dataclass(frozen=True, slots=True)
class Method:
    """Places of the columns that are its seeds, and which seed each is: seeds of two methods are paired by it."""

    name: str
    places: tuple[int, ...]
    seeds: tuple[str, ...]


def methods(columns: Sequence[Column], sweep_labels: Sequence[str], configs: Sequence[str]) -> list[Method]:
    """Every method with two seeds or more; `sweep_labels` and `configs` are those of each column's run."""
    groups: dict[tuple[str, str], dict[str, int]] = {}
    for i, (column, label, config) in enumerate(zip(columns, sweep_labels, configs, strict=True)):
        if not column.is_baseline:
            key = (_ENDING.sub("", label), " ".join(_OWN.sub("", config).split()))
            groups.setdefault(key, {}).setdefault(column.digest or str(i), i)  # the same weights twice are one seed
    several = [tuple(places.values()) for (_, config), places in groups.items() if config and len(places) > 1]
    seeds = [_seed_of(label, config) for label, config in zip(sweep_labels, configs, strict=True)]
    return [Method(_common_name([columns[i] for i in p]), p, tuple(seeds[i] for i in p)) for p in several]


def _seed_of(label: str, config: str) -> str:
    """The seed of the run, and that of the arm in its label ("-seed2")."""
    run, arm = _SEED.search(config), _ENDING.search(label)
    return f"{run.group(1) if run else ''} {arm.group().strip(' _-#.') if arm else ''}".strip()


def _common_name(columns: Sequence[Column]) -> str:
    """'bdhs' of 'bdhs-s0' and 'bdhs-s1', or of 'first: bdhs' and 'second: bdhs'; else all names."""
    for short in ([_ENDING.sub("", column.label) for column in columns], [c.label.rpartition(": ")[2] for c in columns]):
        if len(set(short)) == 1:
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
