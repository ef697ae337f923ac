"""Levels of a factor tested against each other: the same items, image by image, seed by seed where there are seeds.

Where several groups of arms have both levels, the difference is the mean over the groups, on the items that all of them
answered; whether the groups differ from each other is not tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.core.evaluation import Formula
from harness.core.run_record import BenchmarkResult, SweepResult
from harness.core.stats import Linear, Sample, evaluate, holm, linearise, mean_of, moving
from reports.tables.methods import TEST as SEEDS_TEST
from reports.tables.methods import Method, pairing
from reports.tables.metric_table import significance
from reports.tables.results import results_of, samples_of
from reports.tables.same_weights import Repeats
from reports.text.formatting import listing, row_name
from reports.values.common import on_common_items
from reports.values.paired import Difference, known, tested_change, width_of
from reports.values.questions import DirectTest, Level
from reports.values.seeds import of_seeds, seeds_of_difference
from reports.values.table import Row, Table

SAME = "they are the same checkpoint (the same weights, with the same scores)"
WORDED = "it is asked in several wordings, over which direct tests make no mean"
MOST_PAIRS = 3  # levels of which every two are tested; of more, all against one


@dataclass(eq=False)
class Measured:
    """Results and samples of all columns, read once for all questions; methods are the columns of the short table.

    repeats: by benchmark, the methods that repeat an earlier one.
    """

    sweeps: Sequence[SweepResult]
    methods: Sequence[Method]
    repeats: Mapping[str, Repeats]
    _samples: dict[str, list[Sample | None]] = field(default_factory=dict)
    _linear: dict[tuple[object, ...], Linear] = field(default_factory=dict)
    _moving: dict[tuple[object, ...], NDArray[np.bool_]] = field(default_factory=dict)
    _common: dict[tuple[object, ...], list[Sample]] = field(default_factory=dict)
    _kept: list[Sample] = field(default_factory=list)  # so that an id in a key of these two is never used again

    def of(self, benchmark: str, places: Sequence[int]) -> list[tuple[BenchmarkResult, Sample]] | None:
        """Results of these columns; None where one lacks the benchmark."""
        results = results_of(self.sweeps, benchmark)
        samples = self._samples.setdefault(benchmark, [])
        if not samples:
            samples += samples_of(results)
        there = [(r, s) for i in places if (r := results[i]) is not None and (s := samples[i]) is not None]
        return there if len(there) == len(places) else None

    def common(self, benchmark: str, places: Sequence[int]) -> list[Sample]:
        """The samples of these columns on the items that all of them answered; empty where there are none."""
        key = (benchmark, *places)
        if key not in self._common:
            self._common[key] = on_common_items(self.of(benchmark, places) or []).samples
        return self._common[key] if len(self._common[key][0]) else []

    def compared(self, benchmark: str, both: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        """The pairs of columns, each by the first column that it repeats on this benchmark, in one order."""
        again = self.repeats.get(benchmark, {})
        named = [(again.get(a, a), again.get(b, b)) for a, b in both]
        return tuple(sorted((min(pair), max(pair)) for pair in named))

    def alike(self, benchmark: str, both: Sequence[tuple[int, int]]) -> bool:
        """Every pair is one checkpoint under two names."""
        return all(a == b for a, b in self.compared(benchmark, both))

    def moved(self, formula: Formula, samples: Iterable[Sample]) -> NDArray[np.bool_]:
        """Which items move the formula in any of the samples, (I,)."""
        found: NDArray[np.bool_] = np.any([self._moves(formula, sample) for sample in samples], axis=0)
        return found

    def _moves(self, formula: Formula, sample: Sample) -> NDArray[np.bool_]:
        key = (id(sample), formula.name, formula.group)
        if key not in self._moving:
            self._kept.append(sample)
            self._moving[key] = moving(formula, sample)
        return self._moving[key]

    def linear(self, formula: Formula, sample: Sample, moved: NDArray[np.bool_]) -> Linear:
        key = (id(sample), formula.name, formula.group, moved.tobytes())
        if key not in self._linear:
            self._kept.append(sample)
            self._linear[key] = linearise(formula, sample, moved)
        return self._linear[key]


def level_pairs(levels: Sequence[Level], baseline: int) -> tuple[list[tuple[int, int]], int | None]:
    """Which levels are tested against which, and the one that all others stand against, None where every two are tested.

    That one is the level of the table's baseline where it is among them, else the first.
    """
    own = next((n for n, level in enumerate(levels) if baseline in level.columns), None)
    if len(levels) <= MOST_PAIRS:
        pairs = list(combinations(range(len(levels)), 2))
        return [(j, i) if j == own else (i, j) for i, j in pairs], None
    reference = own if own is not None else 0
    return [(reference, j) for j in range(len(levels)) if j != reference], reference


def direct_tests(
    measured: Measured,
    table: Table,
    levels: Sequence[Level],
    pairs: Sequence[tuple[int, int]],
    differ: Callable[[int, int], bool],
) -> tuple[list[DirectTest], list[str]]:
    """Tests of the headline metrics, corrected by Holm over all of them, and why pairs were left out. The same checkpoint under
    two names is not tested against itself, and its tests against others count once.

    differ: whether two columns of the table differ in the question's keys and in nothing else; others are another question's.
    """
    found: list[tuple[Row, DirectTest]] = []
    which: list[tuple[object, ...]] = []
    left_out: dict[str, None] = {}
    for i, j in pairs:
        columns = zip(levels[i].columns, levels[j].columns, strict=True)
        both = [(a, b) for a, b in columns if a is not None and b is not None and differ(a, b)]
        rows = table.headline if both else ()
        if rows and all(measured.alike(row.benchmark, both) for row in rows):
            left_out[f"{levels[j].text} against {levels[i].text}: {SAME}"] = None
            continue
        for row in rows:
            made = WORDED if row.benchmark in table.worded else _one(measured, row, both)
            if isinstance(made, str):
                left_out[f"{levels[j].text} against {levels[i].text} on {row.benchmark}: {made}"] = None
            else:
                difference, n = made
                if difference.why:
                    what = f"{levels[j].text} against {levels[i].text} on {row.benchmark}"
                    left_out[f"{what}: {row_name(row)} has no test: {difference.why}"] = None
                found.append((row, DirectTest(row.benchmark, row.key, i, j, len(both), difference, n)))
                which.append((row.benchmark, row.key, difference.p, *measured.compared(row.benchmark, both)))
    once = {key: test.difference.p for key, (_, test) in zip(which, found, strict=True)}
    adjusted = dict(zip(once, holm(list(once.values())), strict=True))
    judged = [
        replace(test, p_holm=adjusted[key], significant=significance(test.difference, adjusted[key], row.better))
        for key, (row, test) in zip(which, found, strict=True)
    ]
    return judged, list(left_out)


def _one(measured: Measured, row: Row, both: Sequence[tuple[int, int]]) -> tuple[Difference, int] | str:
    """The difference and how many items move the metric, or why there is none."""
    if measured.alike(row.benchmark, both):
        return SAME
    methods = [(measured.methods[a], measured.methods[b]) for a, b in both]
    places = list(dict.fromkeys(p for a, b in methods for p in (*a.places, *b.places)))
    there = measured.of(row.benchmark, places)
    if there is None:
        return "not every arm was measured"
    first = there[0][0]
    if any(first.protocol.differs_from(result.protocol) for result, _ in there):
        return "measured under different protocols"
    formula = next((f for f in first.formulas if (f.name, f.group) == (row.metric, row.group)), None)
    samples = measured.common(row.benchmark, places)
    if formula is None or not samples:
        return "no item was answered by all of them"
    shifts = _shifts(measured, formula, dict(zip(places, samples, strict=True)), methods)
    if shifts is None:
        return "they have different training seeds"
    difference = _difference(shifts, width_of(formula, *samples), first.units)
    if difference.value is None:
        return f"{row_name(row)} is unknown for {_without_value(formula, there, places, methods)}: {formula.unknown}"
    return difference, int(measured.moved(formula, samples).sum())


def _without_value(
    formula: Formula,
    there: Sequence[tuple[BenchmarkResult, Sample]],
    places: Sequence[int],
    methods: Sequence[tuple[Method, Method]],
) -> str:
    """The methods of which a seed has no value, or has none over the items that all of them answered."""
    values = [evaluate(formula, sample.names, sample.sums[None]) for _, sample in there]
    without = {place for place, value in zip(places, values, strict=True) if known(value) is None}
    names = [method.name for pair in methods for method in pair if without & set(method.places)]
    return listing(list(dict.fromkeys(names)), 4) or "the items that all of them answered"


def _shifts(
    measured: Measured, formula: Formula, samples: dict[int, Sample], methods: Sequence[tuple[Method, Method]]
) -> list[Linear] | None:
    """The second method minus the first, one entry a seed, each a mean over the groups; None where seeds cannot be paired."""
    moved = measured.moved(formula, samples.values())
    linear = {place: measured.linear(formula, sample, moved) for place, sample in samples.items()}
    groups = []
    for a, b in methods:
        groups.append([linear[b.places[m]].minus(linear[a.places[n]]) for n, m in pairing(a, b)])
    if not all(groups) or len({len(group) for group in groups}) > 1:
        return None
    return [mean_of(seeds) for seeds in zip(*groups, strict=True)]


def _difference(shifts: Sequence[Linear], width: float, units: str) -> Difference:
    together = mean_of(shifts)
    value = known(together.value)
    if value is None:
        return Difference(None, None, None, None, None, None, 0, "")
    if len(shifts) > 1:
        seeds = seeds_of_difference(shifts, width, units=units)
        if seeds is not None:
            return of_seeds(seeds, SEEDS_TEST)
    return tested_change(together, width, units)
