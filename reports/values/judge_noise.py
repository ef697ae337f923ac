"""How far a judge contradicts itself: a sample of verdicts asked a second time, and what that does to the metrics.

A verdict is what it makes of its answer's score, since a variant may count another value than the judge's reply states, several
of them, or a list. The variance of one verdict is half the squared change between two; a metric's is the sum over all judged
answers, estimated from the sample, of the same with each answer's share in the metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.core.evaluation import Metric, Score
from harness.core.flags import UNJUDGED
from harness.core.run_record import BenchmarkResult
from harness.core.stats import FEWEST_CLUSTERS, Range, Sample, evaluate, possible
from harness.core.stats.samples import Floats

_NORMAL = 1.959964


@dataclass(frozen=True, slots=True)
class JudgeNoise:
    """One column on one benchmark.

    judged: answers whose verdict counts. again: those of them with a second reply, of which `unread` could not be read and
    `same` leave the score as it was; sd: of one rating, None where verdicts are no ratings, or fewer than five were read twice.
    errors: metric's key -> standard error by the judge's noise alone. The intervals of the table contain it.
    """

    benchmark: str
    column: str
    judged: int
    again: int
    same: int
    sd: float | None
    errors: Mapping[str, float] = field(default_factory=dict)
    unread: int = 0


def judge_noise(column: str, result: BenchmarkResult, data: Sample) -> JudgeNoise | None:
    """None where fewer than five have a second reply. `data`: the sample of the result's scores."""
    first = {score.item_id: score for score in result.scores if _counts(score)}
    again = [score for score in result.judged_again if score.item_id in first]
    pairs = [(first[new.item_id], new) for new in again if _counts(new)]
    unread = sum(new.verdict is not None and bool(new.verdict.raw) for new in again if not _counts(new))
    if len(pairs) + unread < FEWEST_CLUSTERS:
        return None
    names = tuple(dict.fromkeys((*data.names, *(name for _, new in pairs for name in new.values))))
    moved = np.array([[new.values.get(n, 0.0) - old.values.get(n, 0.0) for n in names] for old, new in pairs])
    same = sum(not change.any() for change in moved)
    sd, errors = None, dict[str, float]()
    if len(pairs) >= FEWEST_CLUSTERS:
        sd = float(np.sqrt((moved[:, names.index(result.rating)] ** 2).mean() / 2)) if result.rating in names else None
        errors = _errors(result, data, names, moved, len(first) / len(pairs))
    return JudgeNoise(result.benchmark, column, len(first), len(pairs) + unread, same, sd, errors, unread)


def _errors(result: BenchmarkResult, data: Sample, names: Sequence[str], moved: Floats, weight: float) -> dict[str, float]:
    """Standard errors; `moved` (changed verdicts, names), each standing for `weight` verdicts."""
    sums = np.concatenate([data.sums, np.zeros(len(names) - len(data.names))])
    errors = {}
    for formula in result.formulas:
        shift = evaluate(formula, names, sums + moved) - evaluate(formula, names, sums[None])
        if np.isfinite(shift).all():
            key = f"{formula.name}[{formula.group}]" if formula.group else formula.name
            errors[key] = float(np.sqrt(weight * (shift**2).sum() / 2))
    return errors


def within(metric: Metric, bounds: Range, error: float | None) -> tuple[float | None, float | None]:
    """The metric's interval, nowhere narrower than the judge's noise alone (where images happen not to scatter)."""
    if error is None or metric.value is None or metric.low is None or metric.high is None:
        return metric.low, metric.high
    low, high = metric.value - _NORMAL * error, metric.value + _NORMAL * error
    return min(metric.low, max(low, bounds.low)), max(metric.high, min(high, bounds.high))


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


def _counts(score: Score) -> bool:
    """Whether a judge's verdict is in the score."""
    return score.verdict is not None and score.flag != UNJUDGED
