"""Generators on which the methods were not chosen, and several checkpoints against one baseline: part of coverage.py's table.

Heavy-tailed numbers of questions, ratings with a mass at 0, rare events, answers that exclude each other, ratios
whose parts hang together, differences between almost equal checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtri

from harness.core.stats import UNKNOWN, change_of, difference_interval, expand, joint_quantile
from tests.proofs.worlds import Paired, Rng, World, first_over_second, skills, stacked


def heavy(rng: Rng, n: int, g: int) -> np.ndarray:
    """Questions an image: Pareto with exponent 1.5, at most 60; one image in fifty holds a fifth of all questions."""
    return np.minimum(1 + rng.pareto(1.5, (n, g)), 60).astype(np.int64)


def heavy_accuracy(p: float, alike: float) -> World:
    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        asked = heavy(rng, n, g)
        return stacked(rng.binomial(asked, skills(rng, p, alike, asked.shape)), asked)

    return World(draw, first_over_second, p)


def excluding(p: float, questions: int) -> World:
    """Answers about an image exclude each other: the number right is its expectation, rounded up or down by chance."""

    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        right = np.floor(questions * p + rng.random((n, g)))
        return stacked(right, np.full((n, g), questions))

    return World(draw, first_over_second, p)


def zero_rating(zero: float) -> World:
    """A rating from 0 to 6: 0 with this chance, else mostly low."""
    rest = np.array([0.35, 0.25, 0.15, 0.1, 0.08, 0.07])
    weights = np.array([zero, *((1 - zero) * rest)])

    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        return stacked(rng.choice(7, p=weights, size=(n, g)), np.ones((n, g)))

    return World(draw, first_over_second, float(weights @ np.arange(7)), range=UNKNOWN)


def entangled(slope: float, start: float) -> World:
    """Invented over mentions, mentions log-normal; the chance of an invention rises or falls with their number."""

    def rows(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
        size = rng.normal(size=shape)
        mentions = 1 + rng.poisson(np.exp(1.2 + 0.7 * size))
        return stacked(rng.binomial(mentions, expit(start + slope * size + 0.5 * rng.normal(size=shape))), mentions)

    found = rows(np.random.default_rng(21), (4_000_000,)).sum(axis=0)
    return World(lambda rng, n, g: rows(rng, (n, g)), first_over_second, float(found[0] / found[1]))


def rate_of_rates() -> World:
    """A ratio of two means on their own scales, as a relative score: both log-normal, correlation 0.8."""

    def rows(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
        both = rng.normal(size=shape)
        return stacked(*(np.exp(m + 0.6 * (0.9 * both + 0.44 * rng.normal(size=shape))) for m in (1.0, 1.3)))

    return World(lambda rng, n, g: rows(rng, (n, g)), first_over_second, float(np.exp(-0.3)), range=UNKNOWN)


def noisy_judge(noise: float) -> World:
    """A judge's rating of 0 to 6 is the answer's own plus noise of its own, drawn once an answer; the truth is its mean."""

    def rows(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
        own = rng.choice(7, p=(0.1, 0.1, 0.15, 0.15, 0.2, 0.15, 0.15), size=shape)
        return stacked(np.clip(np.rint(own + noise * rng.normal(size=shape)), 0, 6), np.ones(shape))

    found = rows(np.random.default_rng(22), (4_000_000,)).sum(axis=0)
    return World(lambda rng, n, g: rows(rng, (n, g)), first_over_second, float(found[0] / found[1]), range=UNKNOWN)


METRICS: dict[str, Callable[[], World]] = {
    "accuracy 90 %, heavy-tailed questions an image": lambda: heavy_accuracy(0.9, 0.2),
    "accuracy 60 %, heavy-tailed questions an image": lambda: heavy_accuracy(0.6, 0.1),
    "accuracy 85 %, answers that exclude each other": lambda: excluding(0.85, 6),
    "accuracy 99.5 %, 1 question": lambda: heavy_accuracy_of_one(0.995),
    "share 3 %, 1 question": lambda: heavy_accuracy_of_one(0.03),
    "rating 0 to 6, 60 % are 0": lambda: zero_rating(0.6),
    "rating 0 to 6, 85 % are 0": lambda: zero_rating(0.85),
    "inventions rise with mentions, log-normal": lambda: entangled(0.8, -2.0),
    "inventions fall with mentions, log-normal": lambda: entangled(-0.8, -2.0),
    "ratio of two log-normals, correlation 0.8": rate_of_rates,
    "rating with a noisy judge, sd 1": lambda: noisy_judge(1.0),
    "rating with a noisy judge, sd 2.5": lambda: noisy_judge(2.5),
}


def heavy_accuracy_of_one(p: float) -> World:
    return World(lambda rng, n, g: stacked(rng.random((n, g)) < p, np.ones((n, g))), first_over_second, p)


# ---------------------------------------------------------------- differences


def nearly_equal(p: float, changed: float, questions: int) -> Paired:
    """Two checkpoints that give the same answer but where one of them answers anew: this share of the questions."""

    def draw(rng: Rng, n: int, g: int) -> tuple[np.ndarray, np.ndarray]:
        skill = skills(rng, p, 0.3, (n, g))
        anew = rng.binomial(questions, changed, (n, g))
        kept = rng.binomial(questions - anew, skill)
        sides = [stacked(kept + rng.binomial(anew, skill), np.full((n, g), questions)) for _ in range(2)]
        return sides[0], sides[1]

    return Paired(draw, first_over_second)


def ratings_beside(zero: float, changed: float) -> Paired:
    world = zero_rating(zero)

    def draw(rng: Rng, n: int, g: int) -> tuple[np.ndarray, np.ndarray]:
        old, new = world.draw(rng, n, g), world.draw(rng, n, g)
        return old, np.where((rng.random((n, g)) < changed)[..., None], new, old)

    return Paired(draw, first_over_second, width=0.0)


def heavy_pair(p: float) -> Paired:
    def draw(rng: Rng, n: int, g: int) -> tuple[np.ndarray, np.ndarray]:
        asked = heavy(rng, n, g)
        skill = skills(rng, p, 0.2, asked.shape)
        old, new = (stacked(rng.binomial(asked, skill), asked) for _ in range(2))
        return old, new

    return Paired(draw, first_over_second)


NULLS: dict[str, Callable[[], Paired]] = {
    "accuracy 80 %, a tenth of the answers anew": lambda: nearly_equal(0.8, 0.1, 6),
    "accuracy 90 %, half of the answers anew": lambda: nearly_equal(0.9, 0.5, 6),
    "accuracy 85 %, heavy-tailed questions an image": lambda: heavy_pair(0.85),
    "rating 0 to 6, 60 % are 0, independent": lambda: ratings_beside(0.6, 1.0),
    "rating 0 to 6, 60 % are 0, a third anew": lambda: ratings_beside(0.6, 0.33),
}


# ---------------------------------------------------------------- several checkpoints


@dataclass(frozen=True)
class Several:
    """`checkpoints` beside a baseline on the same images; log-odds of a right answer share the image's part."""

    checkpoints: int
    p: float
    step: float  # the true log-odds of each checkpoint are this much above the one before; 0: all as good as the baseline

    def draw(self, rng: Rng, n: int, g: int) -> np.ndarray:
        """(checkpoints + 1, n, g) right answers of 6."""
        start = float(np.log(self.p / (1 - self.p))) + self.step * np.arange(self.checkpoints + 1)[:, None, None]
        return rng.binomial(6, expit(start + rng.normal(size=(n, g))))

    def truths(self) -> np.ndarray:
        normal = ndtri((np.arange(20_000) + 0.5) / 20_000)
        start = float(np.log(self.p / (1 - self.p)))
        return np.array([expit(start + self.step * j + normal).mean() for j in range(self.checkpoints + 1)])


def joint_cell(world: Several, g: int, n: int, rng: Rng) -> tuple[float, float, float]:
    """Per cent of sweeps in which all intervals contain the truth: pointwise, simultaneous; and all rank intervals."""
    right = world.draw(rng, n, g)
    found = [expand(first_over_second, stacked(one, np.full(one.shape, 6))) for one in right]
    changes = [one.minus(found[0]) for one in found[1:]]
    shifts = world.truths()[1:] - world.truths()[0]
    parts = np.stack([change.parts for change in changes], axis=1)  # (n, J, G)
    together = np.array([joint_quantile(parts[i], g - 1.0) for i in range(n)])
    wide = np.array([change_of(change, True).ends(together) for change in changes])  # (J, 2, n)
    joint = ((wide[:, 0] <= shifts[:, None]) & (shifts[:, None] <= wide[:, 1])).all(axis=0)
    low, high, _ = zip(*(difference_interval(change, True) for change in changes), strict=True)
    single = ((np.array(low) <= shifts[:, None]) & (shifts[:, None] <= np.array(high))).all(axis=0)
    return 100 * single.mean(), 100 * joint.mean(), 100 * _ranks_hold(world, found)


def _ranks_hold(world: Several, found: list) -> float:
    """How often every checkpoint's true rank lies in its interval: Holm over all pairs."""
    truths = world.truths()
    pairs = [(i, j) for i in range(len(found)) for j in range(i)]
    ps = np.array([difference_interval(found[i].minus(found[j]), True)[2] for i, j in pairs])  # (P, n)
    order = np.argsort(ps, axis=0)
    steps = np.take_along_axis(ps, order, axis=0) * (len(pairs) - np.arange(len(pairs)))[:, None]
    holm = np.empty_like(ps)
    np.put_along_axis(holm, order, np.minimum(np.maximum.accumulate(steps, axis=0), 1), axis=0)
    wrong = np.zeros(ps.shape[1], dtype=bool)
    for (i, j), p in zip(pairs, holm, strict=True):
        ahead = found[i].value > found[j].value
        wrong |= (p < 0.05) & (ahead if truths[i] <= truths[j] else ~ahead)
    return float(1 - wrong.mean())


SEVERAL = {
    "3 checkpoints, 80 %, none differs": Several(3, 0.8, 0.0),
    "6 checkpoints, 80 %, none differs": Several(6, 0.8, 0.0),
    "6 checkpoints, 80 %, each a little better than the last": Several(6, 0.8, 0.08),
    "6 checkpoints, 95 %, none differs": Several(6, 0.95, 0.0),
}
