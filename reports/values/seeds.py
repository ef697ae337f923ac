"""Several seeds of one method, put together: the scatter of seeds apart from the scatter of items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.core.stats import FEWEST_CLUSTERS, LEAST_P, LEVEL, Floats


@dataclass(frozen=True, slots=True)
class Seeds:
    """Several seeds of one method on the same items: how far seeds scatter, how far items do, and both together.

    item_error: standard error of the mean by drawing images. p: of a mean of 0, two-sided. error, freedom: of the mean.
    """

    mean: float
    between_seed_sd: float
    item_error: float
    low: float | None
    high: float | None
    n_seeds: int
    p: float | None
    error: float | None = None
    freedom: float = 0


def combine_seeds(
    values: Sequence[float], resampled: Sequence[Floats], n_clusters: int, limits: tuple[float, float] | None = None
) -> Seeds | None:
    """`values` one a seed; `resampled` (R,) a seed, all drawn with the same clusters. None below two seeds.

    Variance of the mean = that of drawing items (all seeds together) + scatter of seeds / S; the t quantile has
    Satterthwaite's degrees of freedom, G - 1 of the items' part and S - 1 of the seeds'. As in a single run, too few
    clusters or known resamples give no interval, p or standard error; nor does scatter of 0, save that nothing
    changed is p = 1. `limits`: what is possible; the interval ends there.
    """
    n = len(values)
    if n < 2:
        return None
    both = np.mean(resampled, axis=0)
    known = both[np.isfinite(both)]
    seed_var, drawn_var = float(np.var(values, ddof=1)), float(known.var()) if len(known) else 0.0
    mean, few = float(np.mean(values)), n_clusters < FEWEST_CLUSTERS or len(known) < LEVEL * len(both)
    if few or drawn_var + seed_var < 1e-24:
        p = 1.0 if not few and abs(mean) < 1e-12 else None
        return Seeds(mean, seed_var**0.5, drawn_var**0.5, None, None, n, p)
    item_var = drawn_var * n_clusters / (n_clusters - 1)  # resampled sums scatter less by 1/G
    p, reach, freedom = _of_t(mean, item_var, n_clusters - 1, seed_var / n, n - 1)
    least, most = limits or (-np.inf, np.inf)
    low, high = max(least, mean - reach), min(most, mean + reach)
    return Seeds(mean, seed_var**0.5, item_var**0.5, low, high, n, p, (item_var + seed_var / n) ** 0.5, freedom)


def _of_t(mean: float, items: float, item_freedom: int, seeds: float, seed_freedom: int) -> tuple[float, float, float]:
    """p of a mean of 0, half the interval's width, and the degrees of freedom; variances by items and by seeds."""
    from scipy.special import stdtr, stdtrit

    error = (items + seeds) ** 0.5
    freedom = (items + seeds) ** 2 / (items**2 / item_freedom + seeds**2 / seed_freedom)
    quantile = float(stdtrit(freedom, (1 + LEVEL) / 2))
    p = max(2 * float(stdtr(freedom, -abs(mean) / error)), LEAST_P)
    return p, quantile * error, freedom
