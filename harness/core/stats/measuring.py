"""Metrics with their intervals, from scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.core.evaluation import Formula, Item, Metric, Score
from harness.core.stats.intervals import UNKNOWN, Range, limits_of
from harness.core.stats.linear import Linear, linearise
from harness.core.stats.resampling import FEWEST_CLUSTERS
from harness.core.stats.samples import Sample, evaluate, moving, sample

IMAGES = "images"
NO_INTERVAL = "no interval: "
_ROUNDING = 1e-9
_NAMED = 3  # parts that have too few


def metrics(
    items: Sequence[Item], scores: Sequence[Score], formulas: Sequence[Formula], units: str = IMAGES
) -> tuple[Metric, ...]:
    """The formulas over these scores, each with its 95 % interval. Scores are matched to items by id.

    units: what is resampled, in words.
    """
    clusters = {item.id: item.cluster for item in items}
    return measure(sample([clusters[score.item_id] for score in scores], scores), formulas, units)


def measure(data: Sample, formulas: Sequence[Formula], units: str = IMAGES) -> tuple[Metric, ...]:
    """The same, of scores that are numbers already."""
    return tuple(_metric(data, formula, units) for formula in formulas)


def _metric(data: Sample, formula: Formula, units: str) -> Metric:
    f, moved = formula, moving(formula, data)
    n = int(moved.sum())
    value = float(evaluate(f, data.names, data.sums[None])[0])
    if not np.isfinite(value):
        return Metric(f.name, None, n, f.better, group=f.group, unit=f.unit, headline=f.headline, why=_why_unknown(f, data))
    found = linearise(f, data, moved)
    low, high = limits(formula, [data], found)
    why = why_no_interval(found, units) if low is None else ""
    return Metric(f.name, value, n, f.better, low, high, f.group, f.unit, f.headline, why)


def _why_unknown(formula: Formula, data: Sample) -> str:
    """Its parts without a value, each name once, and their reasons; the formula's own reason where it has no such parts."""
    reasons: dict[str, list[str]] = {}
    for part in formula.parts:
        if not np.isfinite(evaluate(part, data.names, data.sums[None])[0]):
            name = part.title or part.group or part.name
            if all(name not in names for names in reasons.values()):
                reasons.setdefault(part.unknown, []).append(name)
    return "; ".join(f"{reason} ({', '.join(names)})" for reason, names in reasons.items()) or formula.unknown


def why_no_interval(found: Linear, units: str = IMAGES) -> str:
    """The reason, where `limits` gives no interval for a metric that has a value."""
    error = float(found.moments.error2[0]) ** 0.5
    if min(found.clusters[0], found.counting[0]) < FEWEST_CLUSTERS:
        return f"{NO_INTERVAL}{too_few(found, units)}"
    if error <= 1e-12 * max(1.0, abs(float(found.value[0]))):
        return f"{NO_INTERVAL}all {units} have the same value, which shows no scatter"
    return f"{NO_INTERVAL}the metric is unknown where its counts differ a little"


def why_no_test(found: Linear, units: str = IMAGES) -> str:
    """The reason, where a difference that has a value has no interval and no test."""
    if found.counting[0] < FEWEST_CLUSTERS:
        return too_few(found, units)
    if np.isfinite(found.parts).all():
        return f"all {units} show the same difference, which tells nothing of its scatter"
    return "the metric is unknown where its counts differ a little"


def too_few(found: Linear, units: str = IMAGES) -> str:
    """'fewer than 5 images count', or 'fewer than 7 images count in OCR (1) and posters (3)' where it is the formula's parts,
    which need as many beside the others."""
    parts = [f"{part.name} ({part.clusters:,})" for part in found.few]
    needed = max((part.needed for part in found.few), default=FEWEST_CLUSTERS)
    more = [f"{len(parts) - _NAMED:,} other parts"] if len(parts) > _NAMED + 1 else parts[_NAMED:]
    *first, last = [*parts[:_NAMED], *more] or [""]
    counted = f"fewer than {needed:,} {units} count"
    return f"{counted} in {', '.join(first)}{' and ' if first else ''}{last}" if last else counted


def limits(formula: Formula, samples: Sequence[Sample], found: Linear) -> tuple[float | None, float | None]:
    """The interval of one metric, of one sample or the mean of several, within what is `possible`; None where there is none."""
    if found.few:
        return None, None
    low, high = limits_of(found, possible(formula, *samples))
    return (float(low[0]), float(high[0])) if np.isfinite(low[0]) and np.isfinite(high[0]) else (None, None)


def scale_of(unit: str, bounds: tuple[float, float] | None) -> tuple[float, float]:
    """Least and greatest value by definition of a metric with this unit and bounds; infinite where none is known."""
    return bounds or ((0.0, 1.0) if unit == "share" else (-np.inf, np.inf))


def possible(formula: Formula, *samples: Sample) -> Range:
    """A formula's own range, (0, 1) of a share, where all samples and their single clusters lie there; else the extremes of
    single clusters: a mean of ratings cannot lie beyond the best rating, whatever the scale is. A range that is open by
    definition stays as it is: where no image exceeds 1, others may.

    No single cluster may have a value, as where a metric is a mean over splits and each image is of one split.
    """
    if len(samples) != 1:
        return _possible(formula, samples)
    known, asked = samples[0].known, ("range", formula)
    if asked not in known:
        known[asked] = _possible(formula, samples)
    found: Range = known[asked]
    return found


def _possible(formula: Formula, samples: Sequence[Sample]) -> Range:
    low, high = scale_of(formula.unit, formula.bounds)
    if formula.bounds and not np.isfinite((low, high)).all():
        return Range(low, high)
    alone = np.concatenate([evaluate(formula, data.names, data.totals) for data in samples])
    alone = alone[np.isfinite(alone)]
    own = Range(low, high, bool(np.isfinite((low, high)).all()))
    whole = np.concatenate([alone, *(evaluate(formula, data.names, data.sums[None]) for data in samples)])
    beyond = (whole < own.low - _ROUNDING * own.width) | (whole > own.high + _ROUNDING * own.width)
    if own.whole and not beyond.any():
        return own
    return Range(float(alone.min()), float(alone.max())) if len(alone) else UNKNOWN
