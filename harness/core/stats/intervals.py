"""95 % intervals of metrics over clusters, chosen by simulation (docs/statistics.md, tests/proofs/coverage.py).

Shares: Wilson's interval with the number of independent answers that gives the standard error over clusters. How far answers
about one image hang together is itself uncertain where few images hold all errors, so that number is shrunk towards the
number of images (answers to one image are all alike) with a weight of 0.8 degrees of freedom; with all right or none right
nothing else is left, and the interval is Clopper and Pearson's of G right or wrong images. Images of unequal weight make fewer
degrees of freedom. Towards the nearer of 0 and 1 an interval from few informative images leaves out up to 4 % instead of
2.5 %: near the edge, where all answers may be right, no interval lies beyond the truth on the other side.

A metric with another range by definition (a score of MME from 0 to 200) is a share of that range.

Other metrics (ratings, words, relative scores): t with degrees of freedom by kurtosis, corrected for skewness to
second order (DiCiccio and Efron 1992, Biometrika 79:231, equation 2.4: z + z0 + (2a + cq) z^2).

Differences: `harness.core.stats.paired_change`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.core.stats.linear import Linear
from harness.core.stats.resampling import FEWEST_CLUSTERS, LEVEL
from harness.core.stats.samples import Floats

_TAIL = (1 - LEVEL) / 2
SHARE_WEIGHT = 0.8  # degrees of freedom that "answers to one image are all alike" counts as
_MORE_TAIL, _FEW = 0.015, 10.0  # at the nearer of 0 and 1, with few degrees of freedom
_EXACT_TAIL = 0.07  # there, and never more than this by whole numbers of errors
_MEMORY = 3.0  # degrees of freedom over which "all right" fades from the interval of nearly all right
_NORMAL_KURTOSIS, _SKEWED_FREEDOM = 3.0, 0.6
_MOST_BEND, _MOST_SHIFT = 0.12, 0.5  # the second-order correction beyond these is no longer small


class Range(NamedTuple):
    """Where a metric can lie. `whole`: by its definition, so that it is a share of this range; else as far as is known."""

    low: float
    high: float
    whole: bool = False

    @property
    def width(self) -> float:
        """Of the range by definition; 0 where that is not known."""
        return self.high - self.low if self.whole else 0.0


SHARE, UNKNOWN = Range(0.0, 1.0, True), Range(-np.inf, np.inf)


def limits_of(found: Linear, bounds: Range) -> tuple[Floats, Floats]:
    """The interval of metrics, (N,) each, within `bounds`."""
    if bounds.whole:
        low, high = share_interval(found.as_share(bounds.low, bounds.width))
        return bounds.low + bounds.width * low, bounds.low + bounds.width * high
    low, high = mean_interval(found)
    ends, within = bounds[:2], (bounds.low <= found.value) & (found.value <= bounds.high)
    return np.where(within, np.clip(low, *ends), low), np.where(within, np.clip(high, *ends), high)


class _Answers(NamedTuple):
    """A share as a number of independent answers, each (N,). `alike`: 1 / their number. `freedom`: behind that number.
    `wider`: squared factor for images of unequal weight. `graded`: 0 where an image is right or wrong as a whole, near 1 where
    wrong images are wrong in part. `surprise`: exp(-degrees of freedom / 3), 1 where nothing but the edge was seen."""

    alike: Floats
    freedom: Floats
    wider: Floats
    graded: Floats
    surprise: Floats


def share_interval(found: Linear) -> tuple[Floats, Floats]:
    """Of metrics between 0 and 1; nan below five clusters. (N,) each."""
    p = np.clip(found.value, 0, 1)
    low, high = _near_0(np.minimum(p, 1 - p), found)
    low, high = np.where(p > 0.5, 1 - high, low), np.where(p > 0.5, 1 - low, high)
    flat = (found.moments.error2 < 1e-24) & (p > 0) & (p < 1)  # every image has the same value: that shows no scatter
    low, high = np.where(flat, np.nan, low), np.where(flat, np.nan, high)
    return _known(found, np.clip(low, 0, p), np.clip(high, p, 1))


def _near_0(p: Floats, found: Linear) -> tuple[Floats, Floats]:
    """The interval of shares up to 1/2."""
    from scipy.special import betaincinv, ndtri

    told = _answers(p, found)
    near = _TAIL + _MORE_TAIL * (1 - 2 * p) * _FEW / (_FEW + told.freedom)
    alike = told.alike * told.wider
    low, high = _wilson(p, alike, ndtri(near)), _wilson(p, alike, -ndtri(np.full_like(p, _TAIL)))
    n = 1 / told.alike
    exact = betaincinv(np.maximum(p * n + told.graded, 1e-12), (1 - p) * n + 1, _EXACT_TAIL)
    nothing = zero_upper_limit(np.maximum(found.clusters, 1))
    return np.where(p > 0, np.minimum(low, exact), 0), high + told.surprise * np.maximum(nothing - high, 0)


def zero_upper_limit(g: Floats) -> Floats:
    """Clopper and Pearson's upper end for 0 of g, (N,)."""
    found: Floats = 1 - _TAIL ** (1 / g)
    return found


def _wilson(p: Floats, alike: Floats, z: Floats) -> Floats:
    """One end of Wilson's interval (1927, JASA 22:209) of 1 / alike answers: below p for z < 0, above for z > 0."""
    pull = z * z * alike
    end: Floats = (p + pull / 2 + z * np.sqrt(p * (1 - p) * alike + (z * alike / 2) ** 2)) / (1 + pull)
    return end


def _answers(p: Floats, found: Linear) -> _Answers:
    """How much is known of a share p <= 1/2: the scatter over images, shrunk towards that of 1 / clusters."""
    from scipy.special import ndtri, stdtrit

    g, (error2, freedom, _, holding, _) = np.maximum(found.clusters, 2), found.moments
    freedom = np.minimum(freedom, g - 1)
    # Clopper and Pearson's end for 0 of G is odds / (1 + odds), and so is Wilson's with this prior
    prior = (_TAIL ** (-1 / g) - 1) / ndtri(_TAIL) ** 2
    scatters = p > 0
    with np.errstate(all="ignore"):
        spread = p * (1 - p)
        own, kurtosis = np.where(scatters, error2 / spread, 0), np.where(scatters, 1 / spread - 3, 0)  # of one answer
        weight = np.where(scatters, np.maximum(freedom - 1, 0), 0)
        equal = np.where(scatters, np.clip(np.maximum(kurtosis, _NORMAL_KURTOSIS) * holding, 3, g), g)
        graded = np.where(scatters, 1 - 1 / np.maximum(kurtosis * holding / g, 1), 0)
    wider = (stdtrit(equal - 1, 1 - _TAIL) / stdtrit(np.maximum(g - 1, equal - 1), 1 - _TAIL)) ** 2
    alike = (weight * own + SHARE_WEIGHT * prior) / (weight + SHARE_WEIGHT)
    surprise = np.exp(-np.where(scatters, freedom, 0) / _MEMORY)
    return _Answers(alike, weight + SHARE_WEIGHT, wider, graded, surprise)


def mean_interval(found: Linear) -> tuple[Floats, Floats]:
    """Of metrics on any scale; nan below five clusters and where nothing scatters. (N,) each."""
    from scipy.special import stdtrit

    error2, freedom, skew, _, _ = found.moments
    error, freedom = np.sqrt(error2), np.minimum(_SKEWED_FREEDOM * freedom, found.clusters - 1)
    with np.errstate(all="ignore"):
        bend = found.bend / error
        shift = np.clip(skew + bend - found.bias / error, -_MOST_SHIFT, _MOST_SHIFT)
        squared = np.clip(2 * skew + bend, -_MOST_BEND, _MOST_BEND)
        t = np.minimum(stdtrit(np.maximum(freedom, 2), 1 - _TAIL), 4)
        low, high = (found.value + error * (side * t + shift + squared * t * t) for side in (-1, 1))
    flat = ~(error > 1e-12 * np.maximum(1, np.abs(found.value)))
    return _known(found, np.where(flat, np.nan, low), np.where(flat, np.nan, high))


def _known(found: Linear, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    few = (found.clusters < FEWEST_CLUSTERS) | ~np.isfinite(low) | ~np.isfinite(high)
    return np.where(few, np.nan, low), np.where(few, np.nan, high)
