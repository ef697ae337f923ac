"""How far a judge contradicts itself: a sample of verdicts asked a second time, and what that does to the metrics.

The variance of one verdict is half the squared change between two; a metric's is the sum over all
judged answers, estimated from the sample, of the same with each answer's share in the metric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from harness.core.evaluation import Metric, Score
from harness.core.run_record import BenchmarkResult
from harness.core.stats import FEWEST_CLUSTERS, Sample, evaluate, possible

_NORMAL = 1.959964


@dataclass(frozen=True, slots=True)
class JudgeNoise:
    """One column on one benchmark. again: verdicts that were asked twice, of which `same` did not change; sd: of one verdict.

    errors: metric's key -> standard error by the judge's noise alone. The intervals of the table contain it.
    """

    benchmark: str
    column: str
    judged: int
    again: int
    same: int
    sd: float
    errors: Mapping[str, float] = field(default_factory=dict)


def judge_noise(column: str, result: BenchmarkResult, data: Sample) -> JudgeNoise | None:
    """None where fewer than five verdicts were asked again. `data`: the sample of the result's scores."""
    pairs = _asked_twice(result)
    if len(pairs) < FEWEST_CLUSTERS:
        return None
    judged = sum(_verdict(score) is not None for score in result.scores)
    changes = np.array([(_verdict(new) or 0.0) - (_verdict(old) or 0.0) for old, new in pairs])
    names = tuple(dict.fromkeys((*data.names, *(name for _, new in pairs for name in new.values))))
    sums = np.concatenate([data.sums, np.zeros(len(names) - len(data.names))])
    moved = np.array([[new.values.get(n, 0.0) - old.values.get(n, 0.0) for n in names] for old, new in pairs])
    errors = {}
    for formula in result.formulas:
        shift = evaluate(formula, names, sums + moved) - evaluate(formula, names, sums[None])
        if np.isfinite(shift).all():
            key = f"{formula.name}[{formula.group}]" if formula.group else formula.name
            errors[key] = float(np.sqrt(judged / len(pairs) * (shift**2).sum() / 2))
    sd = float(np.sqrt((changes**2).mean() / 2))
    return JudgeNoise(result.benchmark, column, judged, len(pairs), int((changes == 0).sum()), sd, errors)


def within(metric: Metric, formula_bounds: tuple[float, float], error: float | None) -> tuple[float | None, float | None]:
    """The metric's interval, nowhere narrower than the judge's noise alone (where images happen not to scatter)."""
    if error is None or metric.value is None or metric.low is None or metric.high is None:
        return metric.low, metric.high
    low, high = metric.value - _NORMAL * error, metric.value + _NORMAL * error
    return min(metric.low, max(low, formula_bounds[0])), max(metric.high, min(high, formula_bounds[1]))


def with_judge_noise(metrics: tuple[Metric, ...], result: BenchmarkResult, data: Sample) -> dict[str, Metric]:
    """Metrics by key with the judge's noise inside their intervals."""
    noise = judge_noise("", result, data) if result.judged_again else None
    found = {metric.key: metric for metric in metrics}
    if noise is None:
        return found
    for formula, metric in zip(result.formulas, metrics, strict=True):
        low, high = within(metric, possible(formula, data), noise.errors.get(metric.key))
        found[metric.key] = replace(metric, low=low, high=high)
    return found


def _asked_twice(result: BenchmarkResult) -> list[tuple[Score, Score]]:
    first = {score.item_id: score for score in result.scores if _verdict(score) is not None}
    return [(first[new.item_id], new) for new in result.judged_again if new.item_id in first and _verdict(new) is not None]


def _verdict(score: Score) -> float | None:
    return score.verdict.value if score.verdict is not None else None
