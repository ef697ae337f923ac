"""Hallucination against length: a model that says less invents less, so answers of equal length are compared.

Each column's answers are cut into four groups of equal size by their number of words; the hallucination metric of a
group stands over the group's mean length, with an interval that resamples images as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.contract import BenchmarkResult, Formula, SweepResult
from harness.stats import measure, sample
from reports.comparison import Column, Curve
from reports.roles import HALLUCINATION
from reports.rows import benchmark_names, results_of
from reports.wording import name as pretty

_GROUPS = 4
_FEWEST = 8  # items a group, below which a group tells nothing
_LONG = 3  # words: a benchmark of yes and no has no lengths to speak of


def length_curves(columns: Sequence[Column], sweeps: Sequence[SweepResult]) -> tuple[Curve, ...]:
    """One curve a column for every benchmark with a hallucination metric; shares in per cent."""
    found = []
    for name in benchmark_names(sweeps):
        for column, result in zip(columns, results_of(sweeps, name), strict=True):
            formula = _formula(result) if result else None
            if result and formula and (curve := _curve(result, formula, column.label)):
                found.append(curve)
    return tuple(found)


def _formula(result: BenchmarkResult) -> Formula | None:
    whole = {f.name: f for f in result.formulas if not f.group}
    return next((whole[name] for name in HALLUCINATION if name in whole), None)


def _curve(result: BenchmarkResult, formula: Formula, column: str) -> Curve | None:
    words = {answer.item_id: len(answer.text.split()) for answer in result.answers}
    clusters = {item.id: item.cluster for item in result.items}
    scores = sorted((s for s in result.scores if s.values and s.item_id in words), key=lambda s: words[s.item_id])
    if len(scores) < _GROUPS * _FEWEST or words[scores[len(scores) // 2].item_id] <= _LONG:
        return None
    scale = 100 if formula.unit == "share" else 1
    points = []
    for group in np.array_split(np.arange(len(scores)), _GROUPS):
        some = [scores[i] for i in group]
        (metric,) = measure(sample([clusters[s.item_id] for s in some], some), [formula])
        if metric.value is not None and metric.low is not None and metric.high is not None:
            length = float(np.mean([words[s.item_id] for s in some]))
            points.append((length, scale * metric.value, scale * metric.low, scale * metric.high))
    if len(points) < 2:
        return None
    x, y, low, high = (tuple(axis) for axis in zip(*points, strict=True))
    label = f"{pretty(formula.name)} by length of answer" + (" (%)" if scale == 100 else "")
    return Curve(_once(result.benchmark, label), column, x, y, low, high)


def _once(benchmark: str, label: str) -> str:
    return label if label.startswith(pretty(benchmark)) else f"{pretty(benchmark)}: {label}"
