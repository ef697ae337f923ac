"""Several seeds of one method, put together: the scatter of seeds apart from the scatter of items."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.core.stats import (
    FEWEST_CLUSTERS,
    IMAGES,
    LEAST_P,
    LEVEL,
    Change,
    Linear,
    Range,
    bonferroni_level,
    change_of,
    mean_of,
    why_no_test,
)
from reports.values.paired import Difference


@dataclass(frozen=True, slots=True)
class Seeds:
    """Several seeds of one method on the same items: how far seeds scatter, how far items do, and both together.

    item_error: standard error of the mean by drawing images. p: of a mean difference of 0, two-sided, None for a metric itself.
    error, freedom: of the mean difference. joint: its interval that holds together with those of other methods (Bonferroni).
    why: why a mean difference has no p.
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
    why: str = ""


def seeds_of_metric(
    seeds: Sequence[Linear],
    items: tuple[float | None, float | None],
    bounds: Range,
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
    return Seeds(mean, seed_sd, item_error, max(low, bounds.low), min(high, bounds.high), len(seeds))


def random_effect(levels: Sequence[Linear]) -> tuple[float, int]:
    """Standard error of the mean over levels beyond chance answers, and its degrees of freedom; two levels or more."""
    return _scatter(levels)[3], len(levels) - 1


def seeds_of_difference(
    seeds: Sequence[Linear], width: float, tests: int = 1, also: Sequence[tuple[float, int]] = (), units: str = IMAGES
) -> Seeds | None:
    """The paired difference to a baseline, one entry a seed. None below two seeds. `tests`: how many methods are compared.
    `also` as in `seeds_of_metric`; `width` as in `change_of`; `units`: what the clusters are, in words.

    Reach of the interval on each side = root of (the images' reach)^2 + (t(S - 1) x seeds' error)^2; p is the level at which it
    touches 0. Satterthwaite's t of both errors together finds something in 12 % of cases with two seeds where there is nothing
    (docs/statistics.md). Too few clusters give no interval, p or standard error; nor does scatter of 0, save that nothing
    changed is p = 1.
    """
    if len(seeds) < 2:
        return None
    n, together = len(seeds), mean_of(seeds)
    mean, seed_sd, item_error, of_seeds = _scatter(seeds)
    both = _Both(change_of(together, width), float(together.freedom[0]), ((of_seeds, n - 1), *also))
    few, longest = together.counting[0] < FEWEST_CLUSTERS, both.longest(1 - LEVEL)
    if few or longest < 1e-12:
        p = 1.0 if not few and abs(mean) < 1e-12 else None
        return Seeds(mean, seed_sd, item_error, None, None, n, p, why="" if p else why_no_test(together, units))
    most = width or math.inf
    low, high = both.ends(1 - LEVEL, most)
    joint = both.ends(1 - bonferroni_level(tests), most) if tests > 1 else None
    error = float(np.hypot.reduce([both.item_error(), *(size for size, _ in both.levels)]))
    freedom = _where(lambda f: _quantile(f) * error < longest, 1.0, 1e6)
    return Seeds(mean, seed_sd, item_error, low, high, n, _level(both.to_0, abs(mean)), error, freedom, joint)


def of_seeds(found: Seeds, test: str) -> Difference:
    """What several seeds tell of a difference, as one; `test`: its name."""
    return Difference(found.mean, found.low, found.high, found.p, None, found.error, found.freedom, test, why=found.why)


@dataclass(frozen=True, slots=True)
class _Both:
    """The scatter of images, a `change` (N = 1) with its degrees of freedom, and that of other `levels` (error, freedom)."""

    change: Change
    freedom: float
    levels: tuple[tuple[float, float], ...]

    def ends(self, p: float, most: float) -> tuple[float, float]:
        """The interval at level 1 - p, within -most and most."""
        value, (low, high) = float(self.change.value[0]), self.change.ends(_quantile(self.freedom, p))
        down, up = (self._with_levels(abs(float(end[0]) - value), p) for end in (low, high))
        return max(value - down, -most), min(value + up, most)

    def to_0(self, p: float) -> float:
        """How far the interval reaches towards 0, up to it."""
        return self._with_levels(_quantile(self.freedom, p) * float(self.change.error[0]), p)

    def longest(self, p: float) -> float:
        """How far it reaches away from 0, on the longer side."""
        return self._with_levels(float(self.change.at_least(_quantile(self.freedom, p))[0]), p)

    def item_error(self) -> float:
        """The images' standard error with which an interval of equal sides would reach as far."""
        quantile = _quantile(self.freedom)
        return float(self.change.at_least(quantile)[0]) / quantile

    def _with_levels(self, images: float, p: float) -> float:
        return float(np.hypot.reduce([images, *(_quantile(nu, p) * size for size, nu in self.levels if size > 0)]))


def _level(reach: Callable[[float], float], mean: float) -> float:
    """The p at which the interval reaches 0."""
    if mean < 1e-12:
        return 1.0
    if reach(LEAST_P) < mean:
        return LEAST_P
    return math.exp(_where(lambda log_p: reach(math.exp(log_p)) < mean, math.log(LEAST_P), 0.0))


def _scatter(seeds: Sequence[Linear]) -> tuple[float, float, float, float]:
    """Mean, standard deviation between seeds, and standard errors of the mean: by drawing images, and by drawing seeds.

    Seeds differ by chance answers too, which the first error holds already; half of that part is taken off the second (of two
    seeds a quarter): all of it would leave no scatter too often where there are few seeds.
    """
    n, values, together = len(seeds), np.array([seed.value[0] for seed in seeds]), mean_of(seeds)
    apart = sum(float(((seed.parts[0] - together.parts[0]) ** 2).sum()) for seed in seeds) / (n - 1)
    between = float(values.var(ddof=1))
    of_seeds = (max(between - min(n - 1, 2) * apart / 4, 0.0) / n) ** 0.5
    return float(values.mean()), between**0.5, float(together.moments.error2[0]) ** 0.5, of_seeds


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
