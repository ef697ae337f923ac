"""Several seeds of one method, put together: the scatter of seeds apart from the scatter of items."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.core.stats import FEWEST_CLUSTERS, LEAST_P, LEVEL, Linear, bonferroni_level, difference_error, mean_of


@dataclass(frozen=True, slots=True)
class Seeds:
    """Several seeds of one method on the same items: how far seeds scatter, how far items do, and both together.

    item_error: standard error of the mean by drawing images. p: of a mean difference of 0, two-sided, None for a metric itself.
    error, freedom: of the mean difference. joint: its interval that holds together with those of other methods (Bonferroni).
    """

    mean: float
    between_seed_sd: float
    item_error: float
    low: float | None
    high: float | None
    n_seeds: int
    p: float | None = None
    error: float | None = None
    freedom: float = 0
    joint: tuple[float, float] | None = None


def seeds_of_metric(
    seeds: Sequence[Linear],
    items: tuple[float | None, float | None],
    bounds: tuple[float, float],
    also: Sequence[tuple[float, int]] = (),
) -> Seeds | None:
    """The metric itself; `items` is the interval of the seeds' mean over images alone. None below two seeds.

    `also`: other random effects (prompt wordings), each by the standard error of its mean and its degrees of freedom.

    Each side of the interval is the root of two squares, the image part and t(S - 1) times the seeds' standard error (Zou and
    Donner 2008, Statistics in Medicine 27:1693), so that it keeps the first's asymmetry near 0 and 1; it ends at `bounds`.
    """
    if len(seeds) < 2:
        return None
    mean, seed_sd, item_error, of_seeds = _scatter(seeds)
    low, high = items
    if low is None or high is None:
        return Seeds(mean, seed_sd, item_error, None, None, len(seeds))
    reach = float(np.hypot.reduce([_quantile(nu) * error for error, nu in ((of_seeds, len(seeds) - 1), *also)]))
    low, high = mean - float(np.hypot(mean - low, reach)), mean + float(np.hypot(high - mean, reach))
    return Seeds(mean, seed_sd, item_error, max(low, bounds[0]), min(high, bounds[1]), len(seeds))


def random_effect(levels: Sequence[Linear]) -> tuple[float, int]:
    """Standard error of the mean over levels beyond chance answers, and its degrees of freedom; two levels or more."""
    return _scatter(levels)[3], len(levels) - 1


def seeds_of_difference(
    seeds: Sequence[Linear], is_share: bool, tests: int = 1, also: Sequence[tuple[float, int]] = ()
) -> Seeds | None:
    """The paired difference to a baseline, one entry a seed. None below two seeds. `tests`: how many methods are compared.
    `also` as in `seeds_of_metric`.

    Reach of the interval = root of (t(G - 1) x images' error)^2 + (t(S - 1) x seeds' error)^2; p is the level at which it
    touches 0. Satterthwaite's t of both errors together finds something in 12 % of cases with two seeds where there is nothing
    (docs/statistics.md). Too few clusters give no interval, p or standard error; nor does scatter of 0, save that nothing
    changed is p = 1.
    """
    if len(seeds) < 2:
        return None
    n, together = len(seeds), mean_of(seeds)
    mean, seed_sd, item_error, of_seeds = _scatter(seeds)
    of_items, clusters = float(difference_error(together, is_share)[0]), float(together.clusters[0])
    effects = [(of_items, clusters - 1), (of_seeds, n - 1), *also]
    error, few = float(np.hypot.reduce([size for size, _ in effects])), clusters < FEWEST_CLUSTERS
    if few or error < 1e-12:
        return Seeds(mean, seed_sd, item_error, None, None, n, 1.0 if not few and abs(mean) < 1e-12 else None)

    def reach(p: float) -> float:
        return float(np.hypot.reduce([_quantile(nu, p) * size for size, nu in effects if size > 0]))

    width = reach(1 - LEVEL)
    most = 1.0 if is_share else math.inf
    low, high = max(mean - width, -most), min(mean + width, most)
    freedom = _where(lambda f: _quantile(f) * error < width, 1.0, 1e6)
    wide = reach(1 - bonferroni_level(tests))
    joint = (max(mean - wide, -most), min(mean + wide, most)) if tests > 1 else None
    return Seeds(mean, seed_sd, item_error, low, high, n, _level(reach, abs(mean)), error, freedom, joint)


def _level(reach: Callable[[float], float], mean: float) -> float:
    """The p at which the interval reaches 0."""
    if mean < 1e-12:
        return 1.0
    if reach(LEAST_P) < mean:
        return LEAST_P
    return math.exp(_where(lambda log_p: reach(math.exp(log_p)) < mean, math.log(LEAST_P), 0.0))


def _scatter(seeds: Sequence[Linear]) -> tuple[float, float, float, float]:
    """Mean, standard deviation between seeds, and standard errors of the mean: by drawing images, and by drawing seeds.

    Seeds differ by chance answers too, which the first error holds already; half of that part is taken off the second: all of
    it would leave no scatter too often where there are few seeds.
    """
    n, values, together = len(seeds), np.array([seed.value[0] for seed in seeds]), mean_of(seeds)
    error2, _, _ = together.moments
    apart = sum(float(((seed.parts[0] - together.parts[0]) ** 2).sum()) for seed in seeds) / (n - 1)
    between = float(values.var(ddof=1))
    of_seeds = (max(between - apart / 2, 0.0) / n) ** 0.5
    return float(values.mean()), between**0.5, float(error2[0]) ** 0.5, of_seeds


def _where(below: Callable[[float], bool], low: float, high: float) -> float:
    """The place between `low` and `high` where `below` ceases to hold, or begins to, by halving."""
    first = below(low)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) == first else (low, middle)
    return low


def _quantile(freedom: float, p: float = 1 - LEVEL) -> float:
    """t of a two-sided p."""
    from scipy.special import stdtrit

    return -float(stdtrit(freedom, p / 2))
