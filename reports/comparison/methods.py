"""Columns that are seeds of one method, put together.

Two columns are seeds of one method when their runs' configurations are equal but for the run's name and its seeds,
and their sweeps bear the same label but for an ending such as "-seed2" or "-s2" (arms of one run).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.core.evaluation import Formula
from harness.core.run_record import BenchmarkResult
from harness.core.stats import Sample, clusters_of, evaluate, interval_of_value, items_counted, moving
from reports.values.paired import Difference
from reports.values.seeds import Seeds, combine_seeds
from reports.values.table import Cell, Column

# top-level lines that name a run, and seeds wherever they stand; a nested `name:` names a plug-in and counts
_OWN = re.compile(r"^(?:name|label|output|folder)\s*:.*$|\bseed\s*:\s*\d+\s*,?", re.MULTILINE)
_ENDING = re.compile(r"[\s_\-#.]+(?:seed|s)[\s_\-=]*\d+$|\s#\d+$")
TEST = "t over seeds and images"


@dataclass(frozen=True, slots=True)
class Method:
    """Places of the columns that are its seeds."""

    name: str
    places: tuple[int, ...]


def methods(columns: Sequence[Column], sweep_labels: Sequence[str], configs: Sequence[str]) -> list[Method]:
    """Every method with two seeds or more; `sweep_labels` and `configs` are those of each column's run."""
    groups: dict[tuple[str, str], dict[str, int]] = {}
    for i, (column, label, config) in enumerate(zip(columns, sweep_labels, configs, strict=True)):
        if not column.is_baseline:
            key = (_ENDING.sub("", label), " ".join(_OWN.sub("", config).split()))
            groups.setdefault(key, {}).setdefault(column.digest or str(i), i)  # the same weights twice are one seed
    several = [tuple(places.values()) for (_, config), places in groups.items() if config and len(places) > 1]
    return [Method(_common_name([columns[i] for i in places]), places) for places in several]


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
            short[method.name] = Column(method.name, "", "", "", "", column.aligner, complete, False, method.places, differs)
    return tuple(short.values())


class Together:
    """The seeds of one method on one benchmark, over the items that the baseline and every seed answered.

    `samples` is empty where a seed or the baseline lacks the benchmark, or no item is common.
    """

    def __init__(
        self, places: Sequence[int], results: Sequence[BenchmarkResult | None], samples: Sequence[Sample | None]
    ) -> None:
        """`results` and `samples` (of equal names) are those of all columns, the baseline's first."""
        self.samples: list[Sample] = []
        self.n_left_out = 0
        there = [(r, s) for i in (0, *places) if (r := results[i]) is not None and (s := samples[i]) is not None]
        if len(there) == len(places) + 1:
            self.samples, self.n_left_out = _on_common_items(there)

    def seeds(self, formula: Formula) -> tuple[Seeds, Seeds] | None:
        """Of the metric, and of its difference to the baseline; None where one seed's value is unknown."""
        if not self.samples:
            return None
        values = [float(evaluate(formula, s.names, s.totals.sum(axis=0, keepdims=True))[0]) for s in self.samples]
        if not np.isfinite(values).all():
            return None
        drawn = [evaluate(formula, s.names, s.drawn) for s in self.samples]
        n_clusters = clusters_of(self.samples[0], self._moving(formula))
        possible = formula.unit == "share" and all(((d >= 0) & (d <= 1))[np.isfinite(d)].all() for d in drawn)
        metric = combine_seeds(values[1:], drawn[1:], n_clusters, (0.0, 1.0) if possible else None)
        shifts = [d - drawn[0] for d in drawn[1:]]
        shift = combine_seeds([v - values[0] for v in values[1:]], shifts, n_clusters, (-1.0, 1.0) if possible else None)
        return (metric, shift) if metric and shift else None

    def _moving(self, formula: Formula) -> NDArray[np.bool_]:
        moved: NDArray[np.bool_] = np.any([moving(formula, s) for s in self.samples], axis=0)
        return moved

    def cell(self, formula: Formula, values: Seeds, shifts: Seeds) -> Cell:
        difference = Difference(shifts.mean, shifts.low, shifts.high, shifts.p, None, shifts.detectable, TEST)
        n, moved = items_counted(formula, self.samples[0]), self._moving(formula)
        low, high = values.low, values.high
        if low is None and not (values.between_seed_sd or values.between_item_sd):  # one value throughout
            low, high = interval_of_value(formula, np.full(2, values.mean), clusters_of(self.samples[0], moved))
        return Cell(values.mean, low, high, n, "", difference, int(moved.sum()), self.n_left_out)


def _on_common_items(there: Sequence[tuple[BenchmarkResult, Sample]]) -> tuple[list[Sample], int]:
    """The samples on the items that all answered, in the baseline's order, and how many items that leaves out."""
    places = [{s.item_id: i for i, s in enumerate(result.scores) if s.values} for result, _ in there]
    common = [item for item in places[0] if all(item in place for place in places[1:])]
    left_out = len({item for place in places for item in place}) - len(common)
    if all(list(place) == common for place in places) and all(len(r.scores) == len(common) for r, _ in there):
        return [sample for _, sample in there], 0  # the usual case; their resamples are drawn already
    if not common:
        return [], left_out
    rows = [sample.rows([place[item] for item in common]) for place, (_, sample) in zip(places, there, strict=True)]
    return [Sample(sample.names, sample.values, rows[0].cluster) for sample in rows], left_out
