"""95 % intervals and tests of paired differences over clusters, of one statistic: p < 0.05 where the interval leaves 0 out.

The test is t over images with G - 1 degrees of freedom. Where few images changed, the variance of a share's difference is
shrunk towards that of "one more image could have changed, by as much as those that did", with half a degree of freedom.

The interval inverts a score test, as Wilson's does: under a difference further from 0 than the measured one more images change,
so that the variance grows by `slope` times that distance; between the measured difference and 0 it does not. The slope is the
images' skewness in that direction, shrunk towards "an image changes all its answers" with half a degree of freedom: with
nothing changed at all it is all there is, and the interval reaches about as far as Clopper and Pearson's of 0 of G. Chosen by
simulation: docs/statistics.md, tests/proofs/coverage.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.core.stats.intervals import SHARE_WEIGHT, zero_upper_limit
from harness.core.stats.linear import Linear
from harness.core.stats.resampling import FEWEST_CLUSTERS, LEVEL
from harness.core.stats.samples import Floats

LEAST_P = 1e-300  # a smaller p is given as this: 0 would be certainty
POWER = 0.8  # chance with which the "smallest detectable difference" would be found
_CHANGE_WEIGHT = 0.5  # degrees of freedom that "one more image could have changed" counts as
_ONE_MORE = 3.5  # its variance in squared changes: t(G - 1) of it reaches as far as Clopper and Pearson's 0 of G
_WHOLE_IMAGE = 0.9  # slope of "an image changes all its answers", times G: t^2 of it reaches as far, too
_NOTHING = 1e-12  # a difference below this is rounding


@dataclass(frozen=True, slots=True)
class Change:
    """A paired difference: `value`, its standard `error` with G - 1 degrees of freedom, and how its variance grows below it
    (`down`) and above it (`up`) with the distance; (N,) each."""

    value: Floats
    error: Floats
    down: Floats
    up: Floats

    def ends(self, quantile: Floats | float) -> tuple[Floats, Floats]:
        """The interval that reaches so many standard errors."""
        return self.value - self.reach(quantile, self.down, self.value), self.value + self.reach(quantile, self.up, -self.value)

    def reach(self, quantile: Floats | float, slope: Floats, free: Floats | float = 0.0) -> Floats:
        """How far it is to the end on one side: x^2 = quantile^2 (error^2 + slope max(0, x - free)), `free` the way to 0."""
        plain, start = quantile * self.error, np.where(np.abs(self.value) < _NOTHING, 0.0, np.maximum(free, 0.0))
        half = quantile * quantile * slope / 2
        beyond = half + np.sqrt(np.maximum(half * half + plain * plain - 2 * half * start, 0.0))
        found: Floats = np.where(plain < start, plain, beyond)
        return found

    def at_least(self, quantile: Floats | float) -> Floats:
        """The longer way of both to an end away from 0: what a difference must have to be found."""
        found: Floats = np.maximum(self.reach(quantile, self.down), self.reach(quantile, self.up))
        return found


def change_of(found: Linear, width: float) -> Change:
    """Of paired differences, (N,) each. `width`: of the range by definition, 1 of a share; 0: none is known, and there is no
    slope."""
    error2, freedom, _, _, sums = found.moments
    if not width:
        return Change(found.value, np.sqrt(error2), np.zeros_like(error2), np.zeros_like(error2))
    g = np.maximum(found.clusters, 1)
    freedom = np.minimum(freedom, g - 1)
    one_more, whole = _ONE_MORE * _size_of_changes(found.value / g, g, *sums), _WHOLE_IMAGE * width / g
    error2 = (freedom * error2 + _CHANGE_WEIGHT * one_more) / (freedom + _CHANGE_WEIGHT)
    error = np.sqrt(error2 + unseen_variance(found, width))
    with np.errstate(all="ignore"):
        lean = np.where(sums[0] > 0, sums[1] / sums[0], 0.0)
    slopes = [(freedom * np.maximum(s, 0) + _CHANGE_WEIGHT * whole) / (freedom + _CHANGE_WEIGHT) for s in (-lean, lean)]
    return Change(found.value, error, *slopes)


def _size_of_changes(each: Floats, g: Floats, s2: Floats, s3: Floats, s4: Floats) -> Floats:
    """Square of what a changed image moves: sum d^4 / sum d^2 of d = part + `each`, parts summing to 0; 0 where none did."""
    with np.errstate(all="ignore"):
        second, fourth = s2 + g * each**2, s4 + 4 * each * s3 + 6 * each**2 * s2 + g * each**4
        return np.where(second > 0, fourth / second, 0.0)


def unseen_variance(found: Linear, width: float = 1.0) -> Floats:
    """Variance of a difference of shares of a range of this width that images may hide which count on one side alone, (N,).

    A caption that names one object, rightly, has no scatter, and nothing is known of how often others would be wrong. So the
    variance of each side is shrunk as that of a share's interval is, with the images that count on this side: towards the reach
    of Clopper and Pearson's 0 of them. Of what this adds, the part of the images that do not count on this side is taken; where
    all count on both sides the test is that of paired changes.
    """
    none = np.zeros_like(found.value)
    if (found.counting >= found.clusters).all():  # the usual case
        return none
    return sum((_unseen(side, np.maximum(found.clusters, 1), width) for side in found.sides), none)


def _unseen(side: Linear, g: Floats, width: float) -> Floats:
    from scipy.special import stdtrit

    k, moments = np.maximum(side.counting, 2), side.moments
    s2, known = moments.sums[0], np.where(moments.sums[0] > 0, np.minimum(moments.freedom, k - 1), 0)
    nothing = width * zero_upper_limit(k) / stdtrit(k - 1, (1 + LEVEL) / 2)
    shrunk = (known * s2 * k / (k - 1) + SHARE_WEIGHT * nothing**2) / (known + SHARE_WEIGHT)
    added: Floats = np.maximum(1 - side.counting / g, 0) * np.maximum(shrunk - s2 * g / np.maximum(g - 1, 1), 0)
    return added


def difference_interval(found: Linear, width: float, change: Change | None = None) -> tuple[Floats, Floats, Floats]:
    """(low, high, p) of paired differences, (N,) each; nan below five clusters; p is 1 where no cluster changed.

    change: `change_of(found, width)`, where that is known already.
    """
    from scipy.special import stdtr, stdtrit

    change, freedom = change or change_of(found, width), found.freedom
    low, high = change.ends(stdtrit(freedom, (1 + LEVEL) / 2))
    if width:
        low, high = np.clip(low, -width, width), np.clip(high, -width, width)
    still = np.abs(found.value) < _NOTHING
    with np.errstate(all="ignore"):
        p = np.where(still, 1.0, 2 * stdtr(freedom, -np.abs(found.value) / change.error))
    few = (found.counting < FEWEST_CLUSTERS) | ~np.isfinite(low) | ~np.isfinite(high)
    flat = ~(high > low)  # nothing scatters, and nothing is known of what could
    low, high = np.where(few | flat, np.nan, low), np.where(few | flat, np.nan, high)
    return low, high, np.where(few | (flat & ~still), np.nan, np.maximum(p, LEAST_P))
