"""Every number of a report once more, by other code: from docs/statistics.md, with numpy and scipy only.

Nothing of `harness.core.stats` or of `reports` is imported. A sweep is a list of `Scored`: what one answer adds to the sums; a
metric is a `Rule`: a function of sums, and the names that it reads. All functions are plain arithmetic over (images, names)
arrays; they are written to be compared with the text, not to be fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import stats
from scipy.optimize import brentq

STEPS = np.array([-1.0, -0.5, 0.5, 1.0])


@dataclass(frozen=True)
class Scored:
    item: str
    image: str
    adds: Mapping[str, float]
    right: bool | None = None
    words: int = 0
    text: str = ""
    rows: int = 1


@dataclass(frozen=True)
class Rule:
    benchmark: str
    metric: str
    group: str
    compute: Callable[[Callable[[str], np.ndarray]], np.ndarray]
    reads: tuple[str, ...]
    better: str = "higher"
    unit: str = "share"
    headline: bool = False
    names: str = ""  # as tables print it


@dataclass(frozen=True)
class Part:
    """A value and what leaving each image out would change, to second order (fitted over one standard error)."""

    value: float
    images: np.ndarray  # (G,), summing to 0
    n: int  # images that have something of the metric, on either side of a difference
    bias: float = 0.0
    bend: float = 0.0
    own: int = 0  # images that have something of it on this side; of a difference where they are fewer
    sides: tuple[Part, ...] = ()

    def minus(self, other: Part) -> Part:
        return Part(self.value - other.value, self.images - other.images, max(self.n, other.n),
                    self.bias - other.bias, self.bend - other.bend, min(self.own, other.own), (self, other))  # fmt: skip

    @property
    def unseen(self) -> float:
        """Variance of a share's difference that images may hide which count on one side alone."""
        return sum(one._unseen(self.n) for one in self.sides)

    def _unseen(self, g: int) -> float:
        k, second = self.own, float((self.images**2).sum())
        nothing = stats.beta.ppf(0.975, 1, k) / stats.t.ppf(0.975, k - 1)
        nu = min(self.freedom, k - 1) if second > 0 else 0.0
        shrunk = (nu * second * k / (k - 1) + 0.8 * nothing**2) / (nu + 0.8)
        return (1 - k / g) * max(shrunk - second * g / (g - 1), 0.0)

    @property
    def error2(self) -> float:
        return float((self.images**2).sum()) * self.n / max(self.n - 1, 1)

    @property
    def freedom(self) -> float:
        """By the kurtosis, without an upper limit."""
        second, fourth = float((self.images**2).sum()), float((self.images**4).sum())
        return max(1.0, 2 * second**2 / max(fourth - second**2 / self.n, 1e-300)) if second > 0 else 0.0

    @property
    def holding(self) -> float:
        """How many images of equal parts would have this kurtosis."""
        second, fourth = float((self.images**2).sum()), float((self.images**4).sum())
        return second**2 / fourth if second > 0 else 0.0

    @property
    def acceleration(self) -> float:
        second, third = float((self.images**2).sum()), float((self.images**3).sum())
        return third / (6 * second**1.5) if second > 0 else 0.0


def at(rule: Rule, sums: np.ndarray) -> np.ndarray:
    """The metric of sums (M, V) whose columns are `rule.reads`; nan where it is unknown."""
    place = {name: i for i, name in enumerate(rule.reads)}
    with np.errstate(all="ignore"):
        return np.broadcast_to(rule.compute(lambda name: sums[:, place[name]]), (len(sums),)).astype(float)


def value_of(rule: Rule, rows: Sequence[Scored]) -> float:
    return float(at(rule, np.array([[sum(row.adds.get(name, 0.0) for row in rows) for name in rule.reads]]))[0])


def moves(rule: Rule, row: Scored) -> bool:
    return any(row.adds.get(name, 0.0) != 0 for name in rule.reads)


def by_image(rule: Rule, rows: Sequence[Scored], images: Sequence[str]) -> np.ndarray:
    """Sums by image, (G, V)."""
    place, made = {image: i for i, image in enumerate(images)}, np.zeros((len(images), len(rule.reads)))
    for row in rows:
        if row.image in place:
            made[place[row.image]] += [row.adds.get(name, 0.0) for name in rule.reads]
    return made


def part(rule: Rule, rows: Sequence[Scored], counted: set[str] | None = None) -> Part:
    """`counted`: items that count on some side, where those are more than the ones that move this side."""
    chosen = {row.item for row in rows if moves(rule, row)} if counted is None else counted
    images = list(dict.fromkeys(row.image for row in rows))
    having = {row.image for row in rows if row.item in chosen}
    there = np.array([image in having for image in images])
    table = by_image(rule, rows, images)
    own, full = table[there], np.zeros(len(images))
    total = own.sum(axis=0)
    left, spread, axes = np.linalg.svd(own - own.mean(axis=0), full_matrices=False)
    kept = spread**2 > 1e-9 * (spread**2).max(initial=0)
    left, arms = left[:, kept], spread[kept, None] * axes[kept]  # (K, V): one standard error along each axis
    value = float(at(rule, total[None])[0])
    slopes = np.array([(at(rule, total + STEPS[:, None] * arm) * STEPS).sum() / (STEPS**2).sum() for arm in arms])
    second = [_second(rule, total, arm, value) for arm in arms]
    length = np.sqrt((slopes**2).sum())
    along = slopes @ arms / length if length > 0 else np.zeros_like(total)
    if len(slopes):
        bent = np.zeros(len(own))
        for j, a in enumerate(arms):
            bent += second[j] * left[:, j] ** 2 / 2
            for k in range(j):
                corners = [(s * a + t * arms[k]) / np.sqrt(2) for s, t in ((1, 1), (-1, -1), (1, -1), (-1, 1))]
                mixed = float(at(rule, total + np.array(corners)) @ [1, 1, -1, -1]) / 2
                bent += mixed * left[:, j] * left[:, k]
        full[there] = left @ slopes - (bent - bent.mean())
    own_images = len({row.image for row in rows if moves(rule, row)})
    bends = float(np.sum(second)) / 2, _second(rule, total, along, value) / 2
    return Part(value, full, int(there.sum()), *bends, own_images)


def _second(rule: Rule, total: np.ndarray, arm: np.ndarray, value: float) -> float:
    """Second derivative along `arm`, by least squares over the same steps."""
    return float(2 * ((at(rule, total + STEPS[:, None] * arm) - value) * STEPS**2).sum() / (STEPS**4).sum())


def reach_of_images(rule: Rule, *sides: Sequence[Scored]) -> tuple[float, float]:
    """(0, 1) of a share that lies there for every single image that has a value, else the least and greatest of these."""
    values = [at(rule, by_image(rule, rows, list(dict.fromkeys(row.image for row in rows)))) for rows in sides]
    known = [v for v in np.concatenate(values) if np.isfinite(v)]
    inside = rule.unit == "share" and min(known, default=0) >= -1e-9 and max(known, default=1) <= 1 + 1e-9
    if not known and not inside:
        return -np.inf, np.inf
    return (0.0, 1.0) if inside else (float(min(known)), float(max(known)))


def interval(found: Part, bounds: tuple[float, float]) -> tuple[float | None, float | None]:
    low, high = _share(found) if bounds == (0.0, 1.0) else _mean(found, bounds)
    ok = found.n >= 5 and np.isfinite(low) and np.isfinite(high)
    return (float(low), float(high)) if ok else (None, None)


def _share(found: Part) -> tuple[float, float]:
    """Wilson (1927) with an effective number of answers, shrunk towards the number of images; seen from the nearer edge."""
    p = min(found.value, 1 - found.value)
    if p > 0 and (found.images**2).sum() < 1e-24:
        return np.nan, np.nan
    low, high = _from_edge(p, found)
    low, high = (low, high) if found.value <= 0.5 else (1 - high, 1 - low)
    return float(np.clip(low, 0, found.value)), float(np.clip(high, found.value, 1))


def _from_edge(p: float, found: Part) -> tuple[float, float]:
    g, z975 = found.n, stats.norm.ppf(0.975)
    nothing = stats.beta.ppf(0.975, 1, g)  # Clopper-Pearson's upper end of 0 of G
    prior = nothing / (1 - nothing) / z975**2  # Wilson's end with 1 / n = this is the same
    if p == 0:
        return 0.0, float(nothing)
    nu, kurtosis = min(found.freedom, g - 1), stats.bernoulli(p).stats("k") + 3
    weight = max(nu - 1, 0.0)
    per_answer, freedom = (weight * found.error2 / (p * (1 - p)) + 0.8 * prior) / (weight + 0.8), weight + 0.8
    equal = np.clip(max(kurtosis, 3) * found.holding, 3, g)  # images of equal weight that would scatter so
    v = per_answer * (stats.t.ppf(0.975, equal - 1) / stats.t.ppf(0.975, g - 1)) ** 2
    graded = 1 - 1 / max(kurtosis * found.holding / g, 1)

    def end(z: float) -> float:
        return float((p + z * z * v / 2 + z * np.sqrt(p * (1 - p) * v + (z * v / 2) ** 2)) / (1 + z * z * v))

    exact = stats.beta.ppf(0.07, p / per_answer + graded, (1 - p) / per_answer + 1)
    low = min(end(stats.norm.ppf(0.025 + 0.015 * (1 - 2 * p) * 10 / (10 + freedom))), exact)
    high = end(z975)
    return low, high + float(np.exp(-nu / 3)) * max(nothing - high, 0.0)


def _mean(found: Part, bounds: tuple[float, float]) -> tuple[float, float]:
    """t with a second-order correction, DiCiccio and Efron 1992."""
    error, a = np.sqrt(found.error2), found.acceleration
    if error <= 1e-12 * max(1.0, abs(found.value)):
        return np.nan, np.nan
    c = found.bend / error
    shift, square = np.clip(a + c - found.bias / error, -0.5, 0.5), np.clip(2 * a + c, -0.12, 0.12)
    t = min(float(stats.t.ppf(0.975, max(min(0.6 * found.freedom, found.n - 1), 2.0))), 4.0)
    ends = [found.value + error * (side * t + shift + square * t * t) for side in (-1, 1)]
    if bounds[0] <= found.value <= bounds[1]:
        ends = [float(np.clip(end, *bounds)) for end in ends]
    return ends[0], ends[1]


# ---------------------------------------------------------------- differences


@dataclass(frozen=True)
class Shift:
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    effect: float | None = None
    error: float | None = None
    freedom: float = 0.0
    slopes: tuple[float, float] = (0.0, 0.0)
    items: int = 0  # that move the metric on either side

    def detectable(self, tests: int, share: bool) -> float | None:
        if self.error is None:
            return None
        quantile = float(stats.t.ppf(1 - 0.025 / tests, self.freedom) + stats.t.ppf(0.8, self.freedom))
        found = max(reach(self.error, quantile, slope) for slope in self.slopes)
        return np.inf if share and found > 1 else found


def error_of(change: Part, share: bool) -> float:
    if not share:
        return float(np.sqrt(change.error2))
    nu, n = min(change.freedom, change.n - 1), change.n
    moved = np.zeros(n)  # images that count
    moved[: np.count_nonzero(change.images)] = change.images[change.images != 0]
    moved += change.value / n
    one_more = 3.5 * (moved**4).sum() / (moved**2).sum() if moved.any() else 0.0
    return float(np.sqrt((nu * change.error2 + 0.5 * one_more) / (nu + 0.5) + change.unseen))


def slopes_of(change: Part, share: bool) -> tuple[float, float]:
    """By how much the variance of a share's difference grows with the distance below it, and above it."""
    if not share:
        return 0.0, 0.0
    nu, second = min(change.freedom, change.n - 1), (change.images**2).sum()
    lean = float((change.images**3).sum() / second) if second > 0 else 0.0
    down, up = ((nu * max(side, 0.0) + 0.5 * 0.9 / change.n) / (nu + 0.5) for side in (-lean, lean))
    return down, up


def reach(error: float, quantile: float, slope: float, free: float = 0.0) -> float:
    """x of x^2 = quantile^2 (error^2 + slope (x - free)), or quantile times error where that is less than `free`."""
    if quantile * error < free:
        return quantile * error
    return float(max(np.roots([1.0, -(quantile**2) * slope, quantile**2 * (slope * free - error**2)]).real))


def ends_of(
    value: float, error: float, slopes: tuple[float, float], quantile: float, share: bool = False
) -> tuple[float, float]:
    size = 0.0 if abs(value) < 1e-12 else value
    down, up = reach(error, quantile, slopes[0], max(size, 0.0)), reach(error, quantile, slopes[1], max(-size, 0.0))
    return _within((value - down, value + up), share)


def _within(ends: tuple[float, float], share: bool) -> tuple[float, float]:
    low, high = (max(ends[0], -1.0), min(ends[1], 1.0)) if share else ends
    return float(low), float(high)


def paired(rule: Rule, before: Sequence[Scored], after: Sequence[Scored]) -> Shift:
    """Sides of the same items in the same order."""
    counted = {row.item for side in (before, after) for row in side if moves(rule, row)}
    change = part(rule, after, counted).minus(part(rule, before, counted))
    found = shift_of(change, all(reach_of_images(rule, side) == (0.0, 1.0) for side in (before, after)))
    found = replace(found, items=len(counted))
    if found.p is None or not found.error:
        return found
    effect = rank_biserial(rule, before, after)
    return replace(found, effect=None if effect is not None and effect * change.value < 0 else effect)


def shift_of(change: Part, share: bool) -> Shift:
    """A difference from each image's part in it, without an effect."""
    if not np.isfinite(change.value):
        return Shift()
    if change.own < 5:
        return Shift(change.value)
    error, nu, nothing = error_of(change, share), change.own - 1, abs(change.value) < 1e-12
    slopes = slopes_of(change, share)
    if not max(error, *slopes) > 0:
        return Shift(change.value, None, None, 1.0, None, None, nu) if nothing else Shift(change.value)
    low, high = ends_of(change.value, error, slopes, float(stats.t.ppf(0.975, nu)), share)
    p = 1.0 if nothing else float(2 * stats.t.sf(abs(change.value) / error, nu))
    return Shift(change.value, low, high, p, None, error, nu, slopes)


def rank_biserial(rule: Rule, before: Sequence[Scored], after: Sequence[Scored]) -> float | None:
    """Of each image's part: the mean of its change made first and made last."""
    images = list(dict.fromkeys(row.image for row in after))
    old, new = by_image(rule, before, images), by_image(rule, after, images)
    first = at(rule, old.sum(axis=0) + new - old) - at(rule, old.sum(axis=0)[None])
    last = at(rule, new.sum(axis=0)[None]) - at(rule, new.sum(axis=0) - (new - old))
    parts = np.round((first + last) / 2, 12)
    moved = [one for one in parts if np.isfinite(one) and one != 0]
    if not moved:
        return None
    ranks = stats.rankdata(np.abs(moved))
    return float((ranks * np.sign(moved)).sum() / ranks.sum())


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Step down: the smallest of m times m, the next times m - 1, never below the one before, at most 1."""
    known = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    found: list[float | None] = [None] * len(ps)
    least = 0.0
    for rank, (p, i) in enumerate(known):
        least = max(least, min(1.0, (len(known) - rank) * p))
        found[i] = least
    return found


def benjamini_hochberg(ps: Sequence[float | None]) -> list[float | None]:
    known = [p for p in ps if p is not None]
    adjusted = iter(stats.false_discovery_control(known)) if known else iter(())
    return [None if p is None else float(next(adjusted)) for p in ps]


def significant(shift: Shift, adjusted: float | None, better: str) -> str:
    if adjusted is None or adjusted >= 0.05 or shift.low is None or shift.high is None or shift.low <= 0 <= shift.high:
        return ""
    if better == "neither":
        return "changed"
    return "better" if (shift.value > 0) == (better == "higher") else "worse"  # type: ignore[operator]


# ---------------------------------------------------------------- seeds put together


@dataclass(frozen=True)
class OverSeeds:
    mean: float
    seed_sd: float
    item_error: float
    low: float | None
    high: float | None
    p: float | None = None
    error: float | None = None
    freedom: float = 0.0
    parts: tuple[Part, ...] = field(default=(), compare=False)
    joint: tuple[float, float] | None = None  # with those of other methods


def mean_part(parts: Sequence[Part]) -> Part:
    value, bias, bend = (float(np.mean([getattr(p, key) for p in parts])) for key in ("value", "bias", "bend"))
    images, sides = np.mean([p.images for p in parts], axis=0), tuple(map(mean_part, zip(*(p.sides for p in parts))))
    return Part(value, images, max(p.n for p in parts), bias, bend, min(p.own for p in parts), sides)


def _scatter(parts: Sequence[Part]) -> tuple[Part, float, float]:
    """All seeds in the mean, the variance between them, and the standard error of their mean beyond chance answers."""
    together, s = mean_part(parts), len(parts)
    between = float(np.var([p.value for p in parts], ddof=1))
    chance = sum(float(((p.images - together.images) ** 2).sum()) for p in parts) / (s - 1)
    return together, between, float(np.sqrt(max(between - chance * (0.25 if s == 2 else 0.5), 0.0) / s))


def metric_over_seeds(rule: Rule, parts: Sequence[Part], sides: Sequence[Sequence[Scored]]) -> OverSeeds:
    together, between, of_seeds = _scatter(parts)
    bounds = reach_of_images(rule, *sides)
    low, high = interval(together, bounds)
    if low is not None and high is not None:
        wide = stats.t.ppf(0.975, len(parts) - 1) * of_seeds
        low = max(together.value - float(np.hypot(together.value - low, wide)), bounds[0])
        high = min(together.value + float(np.hypot(high - together.value, wide)), bounds[1])
    return OverSeeds(together.value, between**0.5, together.error2**0.5, low, high, parts=tuple(parts))


def shift_over_seeds(changes: Sequence[Part], share: bool, methods: int = 1) -> OverSeeds:
    together, between, of_seeds = _scatter(changes)
    s, n, (down, up) = len(changes), together.own, slopes_of(together, share) if together.own else (0.0, 0.0)
    of_images = error_of(together, share) if n else 0.0
    t975 = stats.t.ppf(0.975, n - 1)
    longest, few = max(reach(of_images, t975, slope) for slope in (down, up)) if n > 1 else 0.0, n < 5
    plain = (together.value, between**0.5, together.error2**0.5)
    if few or np.hypot(longest, of_seeds) < 1e-12:
        return OverSeeds(*plain, None, None, 1.0 if not few and abs(together.value) < 1e-12 else None, parts=tuple(changes))

    def ends(p: float) -> tuple[float, float]:
        own = ends_of(together.value, of_images, (down, up), float(stats.t.isf(p / 2, n - 1)))
        of_both = [side * np.hypot(end - together.value, stats.t.isf(p / 2, s - 1) * of_seeds)
                   for side, end in zip((-1, 1), own, strict=True)]  # fmt: skip
        return _within((together.value + of_both[0], together.value + of_both[1]), share)

    def to_0(p: float) -> float:
        return float(np.hypot(stats.t.isf(p / 2, n - 1) * of_images, stats.t.isf(p / 2, s - 1) * of_seeds))

    (low, high), together_ends = ends(0.05), ends(0.05 / methods)
    size, widest = abs(together.value), float(np.hypot(longest, stats.t.ppf(0.975, s - 1) * of_seeds))
    p = 1.0 if size < 1e-12 else float(np.exp(brentq(lambda log_p: to_0(float(np.exp(log_p))) - size, -690, -1e-12)))
    error = float(np.hypot(longest / t975, of_seeds))
    freedom = brentq(lambda f: stats.t.ppf(0.975, f) * error - widest, 1.0, 1e6) if of_seeds > 0 else n - 1.0
    return OverSeeds(*plain, low, high, p, error, float(freedom), tuple(changes), together_ends if methods > 1 else None)
