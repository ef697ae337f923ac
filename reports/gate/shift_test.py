"""Is a difference above a threshold? One-sided tests over images, for margins: non-inferiority and superiority.

A metric's difference is taken apart into one value an image (jackknife pseudo-values, whose mean it is). The test is the
empirical likelihood ratio of Owen (Biometrika 1988) for their mean, one-sided, with the t distribution for few images: under
the hypothesis images get the weights that are nearest to equal ones and have the threshold as their mean, so that the variance
is the hypothesis', as in a score test. Three quarters of an image that stands against the claim, as far out as a typical
changed one, are added: where few or no images got worse, the data alone would deny that any can (the idea of adjusted empirical
likelihood, Chen et al. 2008). A margin relative to the baseline moves every image's value by that share of its own, which is no
change and does not count for what is typical. By tests/proofs/gates.py a margin that is just reached is passed in at most 5 %
of sweeps.

Scatter cannot show what was not drawn: images that lose all their answers, so few that none of them was asked about. So p is at
least the chance that none is drawn of as many as would bring the difference to the threshold (`Chances.unseen`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.core.evaluation import Formula
from harness.core.stats import (
    FEWEST_CLUSTERS,
    POWER,
    Floats,
    Sample,
    clusters_of,
    evaluate,
    few_clusters,
    moving,
    scale_of,
    unseen_variance,
)
from reports.values.paired import change

_AGAINST = 0.75  # weight of the added image; chosen by simulation
_STEPS = 60  # of bisections: 2^-60 of the range


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """sign * (after - before) + relative * |before| of one metric.

    `images`: one value an image, (G,), whose mean `value` is. `typical`: how far an image whose answers changed lies from the
    others by that change alone (root mean square); `widest` where none changed. `widest`: how far a whole image can move its
    value, 0 where that is unknown. `items`: those that move the metric. `freedom`: of the test, one less than the images that
    count on the side where fewer do. `loss`: how far an image falls that fails as a whole; `gain`: how far one rises that gets
    all right; 0 where that is unknown.
    """

    value: float
    before: float
    after: float
    images: Floats
    typical: float
    widest: float
    items: int
    freedom: int
    loss: float
    gain: float


class Chances(NamedTuple):
    """`scatter`: p by the scatter of the images. `unseen`: the chance that none was drawn of the images that would have moved
    the difference to the threshold, each as a whole."""

    scatter: float
    unseen: float


def shift_of(before: Sample, after: Sample, formula: Formula, sign: int = 1, relative: float = 0.0) -> Shift | None:
    """The shift between samples of the same items in the same order; None where a value is unknown.

    Only images count that move the metric on either side; None where fewer than `FEWEST_CLUSTERS` move one side, or too few
    one of the metric's parts there. Where they are fewer on one side than on both, the images' values lie further apart by the
    variance that these few may hide.
    """
    of_sides = moving(formula, before), moving(formula, after)
    moved, fewest = of_sides[0] | of_sides[1], min(clusters_of(before, one) for one in of_sides)
    if fewest < FEWEST_CLUSTERS or any(few_clusters(formula, side) for side in (before, after)):
        return None
    kept = np.unique(before.cluster[moved])
    all_of = [side.totals.sum(axis=0, keepdims=True) for side in (before, after)]
    old, new = (float(evaluate(formula, before.names, sums)[0]) for sums in all_of)
    left = [
        evaluate(formula, before.names, sums - side.totals[kept]) for sums, side in zip(all_of, (before, after), strict=True)
    ]
    changes = sign * (new - old), sign * (left[1] - left[0])
    size = relative * (1 if old >= 0 else -1)  # of the baseline
    value, without = changes[0] + size * old, changes[1] + size * left[0]
    if not (np.isfinite(value) and np.isfinite(without).all()):
        return None
    ends = scale_of(formula.unit, formula.bounds) if formula.unit == "share" else (0.0, math.inf)
    widest = width if math.isfinite(width := ends[1] - ends[0]) else 0.0
    images, typical = _by_image(value, without), _typical(_by_image(*changes)) or widest
    wider = _wider(images, before, after, formula, widest) if fewest < len(kept) and widest else 1.0
    images, typical = value + wider * (images - value), wider * typical
    loss, gain = _whole(_by_image(old, left[0]), sign, *ends)
    return Shift(value, old, new, images, typical, widest, int(moved.sum()), fewest - 1, loss, gain)


def _whole(before: Floats, sign: int, low: float, high: float) -> tuple[float, float]:
    """How far an image falls that loses all that it has, and rises that gets all: means over what there is to lose or get.

    `low`, `high`: the metric's ends; of an infinite `high` nothing is known of how far an image can rise.
    """
    had = np.clip(before, low, high)
    ways = [_mean_over_amounts(had - low), _mean_over_amounts(high - had) if math.isfinite(high) else 0.0]
    return (ways[0], ways[1]) if sign > 0 else (ways[1], ways[0])


def _mean_over_amounts(amounts: Floats) -> float:
    """Of images weighed by their amounts: where half of all images have everything, one that loses all loses everything."""
    return float((amounts**2).sum() / total) if (total := float(amounts.sum())) > 0 else 0.0


def _wider(images: Floats, before: Sample, after: Sample, formula: Formula, width: float) -> float:
    """By what the images' distances grow where some count on one side alone, see `unseen_variance`."""
    own = float(images.var(ddof=1)) / len(images)
    unseen = float(unseen_variance(change(before, after, formula), width)[0])
    return float(np.sqrt(1 + unseen / own)) if own > 0 else 1.0


def _by_image(value: float, without: Floats) -> Floats:
    """Pseudo-values (G,) from the value of all images and those without each of them."""
    return _without_rounding(value + (len(without) - 1) * (without.mean() - without))


def _typical(changes: Floats) -> float:
    """Root mean square distance from the median of the values that are not there; 0 where all are."""
    away = changes - np.median(changes)
    changed = away[away != 0]
    return float(np.sqrt((changed**2).mean())) if len(changed) else 0.0


def _without_rounding(images: Floats) -> Floats:
    """Values that differ by rounding only are made equal."""
    middle = float(np.median(images))
    return np.where(np.abs(images - middle) < 1e-9 * max(1.0, abs(middle)), middle, images)


def p_above(shift: Shift, threshold: float) -> float | None:
    """p of "the shift is at most the threshold": small where it lies above. None where nothing can be said."""
    found = above(shift, threshold)
    return max(found) if found is not None else None


def p_below(shift: Shift, threshold: float) -> float | None:
    """p of "the shift is at least the threshold"."""
    found = below(shift, threshold)
    return max(found) if found is not None else None


def above(shift: Shift, threshold: float) -> Chances | None:
    """Both parts of `p_above`."""
    p = _p(shift.images - threshold, shift.typical, shift.freedom)
    return Chances(p, _unseen(shift.value - threshold, shift.loss, shift.freedom + 1)) if p is not None else None


def below(shift: Shift, threshold: float) -> Chances | None:
    """Both parts of `p_below`."""
    p = _p(threshold - shift.images, shift.typical, shift.freedom)
    return Chances(p, _unseen(threshold - shift.value, shift.gain, shift.freedom + 1)) if p is not None else None


def _unseen(distance: float, whole: float, images: int) -> float:
    """The chance that so many images hold none of a share that, each moved by `whole`, makes up the distance."""
    if distance <= 0:
        return 1.0
    return float((1 - distance / whole) ** images) if distance < whole else 0.0


def _p(distances: Floats, typical: float, freedom: int) -> float | None:
    """p of "the mean of these is at most 0"."""
    from scipy.special import stdtr

    if not typical:
        return None  # no image changed: nothing is known of how far one could
    added = np.append(distances, np.median(distances) - typical)
    weights = np.append(np.ones(len(distances)), _AGAINST)
    if (weights * added).sum() <= 0:
        return 1.0
    if added.min() >= 0:  # not even an image that is worse by a typical change reaches the threshold
        return float(2.0 ** -(freedom + 1))
    return float(stdtr(freedom, -_root_ratio(added, weights)))


def _root_ratio(x: Floats, weights: Floats) -> float:
    """Root of twice the log likelihood ratio of "the mean is 0" where it is above: max over t of the mean of log(1 + t x)."""
    low, high = 0.0, (1 - 1e-9) / -float(x.min())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if (weights * x / (1 + middle * x)).sum() > 0 else (low, middle)
    return float(np.sqrt(max(0.0, 2 * (weights * np.log1p(low * x)).sum())))


def limits(shift: Shift, alpha: float) -> tuple[float | None, float | None]:
    """One-sided limits: the shift is above the first, and below the second, each with confidence 1 - alpha."""
    if not shift.typical:
        return None, None  # as in `_p`
    reach = 2 * (float(np.abs(shift.images - shift.value).max()) + max(shift.widest, shift.loss, shift.gain))
    low = _outermost(lambda at: p_above(shift, at), shift.value - reach, shift.value, alpha)
    return low, _outermost(lambda at: p_below(shift, at), shift.value + reach, shift.value, alpha)


def _outermost(p: Callable[[float], float | None], outer: float, inner: float, alpha: float) -> float | None:
    """Where p falls below alpha on the way from `inner` to `outer`; None where it does not."""
    if (p(outer) or 0.0) >= alpha:
        return None
    for _ in range(40):
        middle = (outer + inner) / 2
        outer, inner = (middle, inner) if (p(middle) or 0.0) < alpha else (outer, middle)
    return outer


def items_needed(shift: Shift, asked: int, threshold: float, alpha: float) -> int | None:
    """Items to ask with which a difference that stays as measured would be decided with a chance of 80 %, either way.

    `asked`: those that were, also where an answer does not move the metric, as a right no does not move F1.

    None where the difference lies on the threshold: more items would not help; and where no image changed in a metric that is
    no share: nothing is known of how far one could.
    """
    from scipy.special import ndtri

    if not shift.typical:
        return None  # as in `_p`
    n_images = len(shift.images)
    error = max(float(shift.images.std(ddof=1) / np.sqrt(n_images)), shift.typical / n_images)  # at least one changed image
    distance, whole = abs(shift.value - threshold), shift.loss if shift.value > threshold else shift.gain
    if distance < 0.05 * error:
        return None
    times = float(((ndtri(1 - alpha) + ndtri(POWER)) * error / distance) ** 2)
    seen = np.log(alpha) / np.log1p(-distance / whole) / (shift.freedom + 1) if distance < whole else 0.0
    return int(np.ceil(asked * max(1.0, times, float(seen))))
