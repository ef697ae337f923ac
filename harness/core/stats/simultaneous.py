"""Intervals of several differences to one baseline that hold all together with 95 %.

The largest of J correlated t statistics (max-T: Dunnett 1955, JASA 50:1096; for unequal correlations Westfall and Young 1993):
drawn from the multivariate t whose correlations are those of the images' parts in the differences. The draws are fixed, so that
the same scores give the same interval.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from harness.core.stats.resampling import LEVEL
from harness.core.stats.samples import Floats

_DRAWS = 20_000


def joint_quantile(parts: Floats, freedom: float) -> float:
    """How many standard errors every one of J differences may be off, with 95 % for all of them together.

    parts: (J, G), each cluster's part in each difference; a difference without scatter counts as independent.
    freedom: of the standard errors. For J = 1 it is the quantile of t.
    """
    from scipy.special import stdtrit

    alone = float(stdtrit(freedom, (1 + LEVEL) / 2))
    if len(parts) < 2:
        return alone
    largest = _largest(np.asarray(parts, dtype=np.float64).tobytes(), len(parts)) * _scale(float(freedom))
    return max(alone, float(np.quantile(largest, LEVEL)))


@lru_cache(maxsize=4)  # the columns of a row have the same parts, and freedoms of their own
def _largest(parts: bytes, n: int) -> Floats:
    """The largest of n normal differences, correlated as their parts (n, G) are, (R,)."""
    of_each = np.frombuffer(parts, dtype=np.float64).reshape(n, -1).copy()
    spread = np.sqrt((of_each**2).sum(axis=1))
    unit = of_each / np.where(spread > 0, spread, 1)[:, None]
    correlation = unit @ unit.T
    np.fill_diagonal(correlation, 1.0)
    values, axes = np.linalg.eigh(correlation)
    found: Floats = np.abs(_normal(n) @ (axes * np.sqrt(np.maximum(values, 0))).T).max(axis=1)
    return found


def bonferroni_level(tests: int) -> float:
    """Where the joint distribution is not known: each of so many intervals at this level."""
    return 1 - (1 - LEVEL) / max(tests, 1)


@lru_cache(maxsize=32)
def _normal(n: int) -> Floats:
    return np.random.default_rng([1955, n]).standard_normal((_DRAWS, n))


@lru_cache(maxsize=256)
def _scale(freedom: float) -> Floats:
    """Root of freedom over chi squared, (R,): one a draw, shared by all differences."""
    rng = np.random.default_rng(1955)
    drawn: Floats = np.sqrt(freedom / rng.chisquare(freedom, _DRAWS))
    return drawn
