"""Metrics with their intervals, from scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.core.evaluation import Formula, Item, Metric, Score
from harness.core.stats.intervals import limits_of
from harness.core.stats.linear import Linear, linearise
from harness.core.stats.resampling import FEWEST_CLUSTERS
from harness.core.stats.samples import Sample, evaluate, moving, sample


def metrics(items: Sequence[Item], scores: Sequence[Score], formulas: Sequence[Formula]) -> tuple[Metric, ...]:
    """The formulas over these scores, each with its 95 % interval. Scores are matched to items by id."""
    clusters = {item.id: item.cluster for item in items}
    return measure(sample([clusters[score.item_id] for score in scores], scores), formulas)


def measure(data: Sample, formulas: Sequence[Formula]) -> tuple[Metric, ...]:
    """The same, of scores that are numbers already."""
    return tuple(_metric(data, formula) for formula in formulas)


def _metric(data: Sample, formula: Formula) -> Metric:
    f, moved = formula, moving(formula, data)
    n = int(moved.sum())
    value = float(evaluate(f, data.names, data.sums[None])[0])
    if not np.isfinite(value):
        return Metric(f.name, None, n, f.better, group=f.group, unit=f.unit, headline=f.headline, why=f.unknown)
    found = linearise(f, data, moved)
    low, high = limits(formula, [data], found)
    return Metric(f.name, value, n, f.better, low, high, f.group, f.unit, f.headline, no_interval(found) if low is None else "")


def no_interval(found: Linear) -> str:
    """Why a metric that has a value has no interval, for N = 1; also where several samples move as one."""
    few = found.clusters[0] < FEWEST_CLUSTERS
    return "no interval: fewer than five images" if few else "no interval: the same value on all images"


def limits(formula: Formula, samples: Sequence[Sample], found: Linear) -> tuple[float | None, float | None]:
    """The interval of one metric, of one sample or the mean of several, within what is `possible`; None where there is none."""
    low, high = limits_of(found, possible(formula, *samples))
    return (float(low[0]), float(high[0])) if np.isfinite(low[0]) and np.isfinite(high[0]) else (None, None)


def possible(formula: Formula, *samples: Sample) -> tuple[float, float]:
    """(0, 1) of a share that lies there for every single cluster; else the extremes of single clusters.

    A mean of ratings cannot lie beyond the best rating, whatever the scale is.
    """
    each = np.concatenate([evaluate(formula, data.names, data.totals) for data in samples])
    each = each[np.isfinite(each)]
    if not len(each):
        return -np.inf, np.inf
    if formula.unit == "share" and each.min() >= 0 and each.max() <= 1:
        return 0.0, 1.0
    return float(each.min()), float(each.max())
