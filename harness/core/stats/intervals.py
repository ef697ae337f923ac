"""95 % intervals and paired tests over clusters, chosen by simulation (docs/statistics.md, tests/proofs/coverage.py).

Shares: Wilson's interval with the number of independent answers that gives the standard error over clusters. How far answers
about one image hang together is itself uncertain where few images hold all errors, so that number is shrunk towards the
number of images (answers to one image are all alike) with a weight of 0.8 degrees of freedom; with all right or none right
nothing else is left, and the interval is Clopper and Pearson's of G right or wrong images. Towards the nearer of 0 and 1 an
interval from few informative images leaves out up to 3.5 % instead of 2.5 %: near the edge, where all answers may be right,
no interval lies beyond the truth on the other side.

Other metrics (ratings, words, relative scores): t with the degrees of freedom of `Linear.moments`, corrected for skewness to
second order (DiCiccio and Efron 1992, Biometrika 79:231, equation 2.4: z + z0 + (2a + cq) z^2).

Differences: t with G - 1 degrees of freedom; where few images changed, the variance of a share's difference is shrunk towards
that of "one more image could have changed" with half a degree of freedom. p and interval are of one statistic.
"""

from __future__ import annotations

import numpy as np

from harness.core.stats.linear import Linear
from harness.core.stats.resampling import FEWEST_CLUSTERS, LEVEL
from harness.core.stats.samples import Floats

LEAST_P = 1e-300  # a smaller p is given as this: 0 would be certainty
POWER = 0.8  # chance with which the "smallest detectable difference" would be found
_SHARE_WEIGHT, _CHANGE_WEIGHT = 0.8, 0.5  # degrees of freedom that the prior counts as
_ONE_MORE = 3.5  # variance of "nothing changed" times G^2: t(G - 1) of it reaches as far as Clopper-Pearson's 0 of G
_MORE_TAIL, _FEW = 0.01, 10.0  # at the nearer of 0 and 1, with few degrees of freedom
_MOST_BEND, _MOST_SHIFT = 0.12, 0.5  # the second-order correction beyond these is no longer small


def limits_of(found: Linear, bounds: tuple[float, float]) -> tuple[Floats, Floats]:
    """The interval of metrics, (N,) each, within `bounds`; (0, 1) says that they are shares."""
    if bounds == (0.0, 1.0):
        return share_interval(found)
    low, high = mean_interval(found)
    within = (bounds[0] <= found.value) & (found.value <= bounds[1])
    return np.where(within, np.clip(low, *bounds), low), np.where(within, np.clip(high, *bounds), high)


def share_interval(found: Linear) -> tuple[Floats, Floats]:
    """Of metrics between 0 and 1; nan below five clusters. (N,) each."""
    from scipy.special import ndtri

    alike, freedom = effective(found)
    tail, p = (1 - LEVEL) / 2, found.value
    near = tail + _MORE_TAIL * np.abs(2 * p - 1) * _FEW / (_FEW + freedom)
    z_low, z_high = -ndtri(np.where(p < 0.5, near, tail)), -ndtri(np.where(p > 0.5, near, tail))
    low, high = _wilson(p, alike, -z_low), _wilson(p, alike, z_high)
    flat = (found.moments[0] < 1e-24) & (p > 0) & (p < 1)  # every image has the same value: that shows no scatter
    low, high = np.where(flat, np.nan, low), np.where(flat, np.nan, high)
    return _known(found, np.clip(low, 0, np.minimum(p, 1)), np.clip(high, np.maximum(p, 0), 1))


def _wilson(p: Floats, alike: Floats, z: Floats) -> Floats:
    """One end of Wilson's interval (1927, JASA 22:209) of 1 / alike answers: below p for z < 0, above for z > 0."""
    pull = z * z * alike
    end: Floats = (p + pull / 2 + z * np.sqrt(np.maximum(p * (1 - p), 0) * alike + (z * alike / 2) ** 2)) / (1 + pull)
    return end


def effective(found: Linear) -> tuple[Floats, Floats]:
    """1 / effective number of answers of a share, shrunk towards about 1 / clusters; and the degrees of freedom behind it."""
    from scipy.special import ndtri

    error2, freedom, _ = found.moments
    # Clopper and Pearson's end for 0 of G is odds / (1 + odds), and so is Wilson's with this prior
    odds = ((1 - LEVEL) / 2) ** (-1 / np.maximum(found.clusters, 1)) - 1
    p, prior = found.value, odds / ndtri((1 - LEVEL) / 2) ** 2
    with np.errstate(all="ignore"):
        scatters = (p > 0) & (p < 1)
        own = np.where(scatters, error2 / (p * (1 - p)), 0)
    weight = np.where(scatters, np.maximum(freedom - 1, 0), 0)
    return (weight * own + _SHARE_WEIGHT * prior) / (weight + _SHARE_WEIGHT), weight + _SHARE_WEIGHT


def mean_interval(found: Linear) -> tuple[Floats, Floats]:
    """Of metrics on any scale; nan below five clusters and where nothing scatters. (N,) each."""
    from scipy.special import stdtrit

    error2, freedom, accelerated = found.moments
    error = np.sqrt(error2)
    with np.errstate(all="ignore"):
        bend = found.bend / error
        shift = np.clip(accelerated + bend - found.bias / error, -_MOST_SHIFT, _MOST_SHIFT)
        squared = np.clip(2 * accelerated + bend, -_MOST_BEND, _MOST_BEND)
        t = np.minimum(stdtrit(np.maximum(freedom, 2), (1 + LEVEL) / 2), 4)
        low, high = (found.value + error * (side * t + shift + squared * t * t) for side in (-1, 1))
    flat = ~(error > 1e-12 * np.maximum(1, np.abs(found.value)))
    return _known(found, np.where(flat, np.nan, low), np.where(flat, np.nan, high))


def difference_error(found: Linear, is_share: bool) -> Floats:
    """Standard error of a paired difference, (N,), with G - 1 degrees of freedom."""
    error2, freedom, _ = found.moments
    if not is_share:
        return np.sqrt(error2)
    prior = _ONE_MORE / np.maximum(found.clusters, 1) ** 2
    shrunk: Floats = np.sqrt((freedom * error2 + _CHANGE_WEIGHT * prior) / (freedom + _CHANGE_WEIGHT))
    return shrunk


def difference_interval(found: Linear, is_share: bool) -> tuple[Floats, Floats, Floats]:
    """(low, high, p) of paired differences, (N,) each; nan below five clusters; p is 1 where no cluster changed."""
    from scipy.special import stdtr, stdtrit

    error, freedom = difference_error(found, is_share), np.maximum(found.clusters - 1, 1)
    reach = stdtrit(freedom, (1 + LEVEL) / 2) * error
    low, high = found.value - reach, found.value + reach
    if is_share:
        low, high = np.clip(low, -1, 1), np.clip(high, -1, 1)
    with np.errstate(all="ignore"):
        p = np.where(np.abs(found.value) < 1e-12, 1.0, 2 * stdtr(freedom, -np.abs(found.value) / error))
    flat = ~(error > 0)
    low, high = _known(found, np.where(flat, np.nan, low), np.where(flat, np.nan, high))
    changed = flat & (np.abs(found.value) >= 1e-12)
    return low, high, np.where((found.clusters < FEWEST_CLUSTERS) | changed, np.nan, np.maximum(p, LEAST_P))


def _known(found: Linear, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    few = (found.clusters < FEWEST_CLUSTERS) | ~np.isfinite(low) | ~np.isfinite(high)
    return np.where(few, np.nan, low), np.where(few, np.nan, high)
