"""Several seeds of one method, put together: the scatter of seeds apart from the scatter of items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.core.stats import LEVEL, POWER, Floats


@dataclass(frozen=True, slots=True)
class Seeds:
    """Several seeds of one method on the same items: how far seeds scatter, how far items do, and both together.

    p: of a mean of 0, two-sided. detectable: the smallest mean that as many seeds and items would show, 80 % of the time.
    """

    mean: float
    between_seed_sd: float
    between_item_sd: float
    low: float
    high: float
    n_seeds: int
    p: float
    detectable: float


def combine_seeds(values: Sequence[float], resampled: Sequence[Floats]) -> Seeds | None:
    """`values` one a seed; `resampled` (R,) a seed, all drawn with the same clusters. None below two seeds.

    Variance of the mean = that of drawing items (all seeds together) + scatter of seeds / S; the t quantile has
    Satterthwaite's degrees of freedom, so few seeds widen the interval only as far as seeds matter.
    """
    from scipy.special import stdtr, stdtrit

    n = len(values)
    if n < 2:
        return None
    seed_var, item_var = float(np.var(values, ddof=1)), float(np.nanvar(np.mean(resampled, axis=0)))
    total = item_var + seed_var / n
    freedom = (n - 1) * (total / (seed_var / n)) ** 2 if seed_var else 1e9
    quantile = float(stdtrit(freedom, (1 + LEVEL) / 2))
    mean, error = float(np.mean(values)), total**0.5
    p = 2 * float(stdtr(freedom, -abs(mean) / error)) if error else float(mean == 0)
    detectable = (quantile + float(stdtrit(freedom, POWER))) * error
    low, high = mean - quantile * error, mean + quantile * error
    return Seeds(mean, seed_var**0.5, item_var**0.5, low, high, n, p, detectable)
