"""Metrics over several parts of a benchmark where each image is of one part alone, so that no single image has a value.

MMStar's mean of axes, MME's totals, POPE's mean F1 over splits with images of their own. Tables: coverage.py.
"""

from __future__ import annotations

import numpy as np

from harness.core.evaluation import over
from harness.core.stats import Range
from tests.proofs.worlds import Compute, Paired, Rng, World, skills, stacked


def placed(sums: np.ndarray, parts: int) -> np.ndarray:
    """Sums by image (n, g, V) -> (n, g, parts * V): image i is of part i modulo `parts`."""
    n, g, v = sums.shape
    found, image = np.zeros((n, g, parts, v)), np.arange(g)
    found[:, image, image % parts] = sums
    return found.reshape(n, g, parts * v)


def over_parts(one: Compute, parts: int, times: float) -> Compute:
    """The sum over parts of a metric of one part's sums, `times` a factor."""

    def compute(sums: np.ndarray) -> np.ndarray:
        each = np.split(sums, parts, axis=-1)
        return times * sum(one(part) for part in each)

    return compute


def _accuracy(sums: np.ndarray) -> np.ndarray:
    return over(sums[:, 0], sums[:, 1])


def _points(sums: np.ndarray) -> np.ndarray:
    """MME's score of a task: accuracy and accuracy+ in per cent."""
    return 100 * over(sums[:, 0], sums[:, 2]) + 100 * over(sums[:, 1], sums[:, 3])


def _f1(sums: np.ndarray) -> np.ndarray:
    return over(2 * sums[:, 0], 2 * sums[:, 0] + sums[:, 1] + sums[:, 2])


def _pairs(rng: Rng, skill: np.ndarray) -> np.ndarray:
    """(right, both right, questions, images) of two questions an image."""
    right = rng.binomial(2, skill)
    return stacked(right, right == 2, np.full(skill.shape, 2), np.ones(skill.shape))


def _few_yes(rng: Rng, skill: np.ndarray) -> np.ndarray:
    """(tp, fp, fn) of one question with the label yes and five with no."""
    tp = rng.binomial(1, skill)
    return stacked(tp, rng.binomial(5, 1 - skill), 1 - tp)


def axes(p: float, parts: int = 6) -> World:
    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        return placed(stacked(rng.random((n, g)) < p, np.ones((n, g))), parts)

    return World(draw, over_parts(_accuracy, parts, 1 / parts), p)


def mme(p: float, tasks: int = 4, alike: float = 0.3) -> World:
    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        return placed(_pairs(rng, skills(rng, p, alike, (n, g))), tasks)

    both = p * p + alike * p * (1 - p)  # the second moment of a skill
    return World(draw, over_parts(_points, tasks, 1), 100 * tasks * (p + both), Range(0.0, 200.0 * tasks, True))


def f1_of_splits(p: float, splits: int = 3, alike: float = 0.3) -> World:
    def draw(rng: Rng, n: int, g: int) -> np.ndarray:
        return placed(_few_yes(rng, skills(rng, p, alike, (n, g))), splits)

    return World(draw, over_parts(_f1, splits, 1 / splits), 2 * p / (2 * p + 6 * (1 - p)))


def pair_axes(p: float, after: float | None = None, parts: int = 6) -> Paired:
    """Half of the images are hard for both alike."""

    def draw(rng: Rng, n: int, g: int) -> tuple[np.ndarray, np.ndarray]:
        kept, ones = rng.random((n, g)) < 0.5, np.ones((n, g))
        old, new = rng.random((n, g)) < p, rng.random((n, g)) < (p if after is None else after)
        return placed(stacked(old, ones), parts), placed(stacked(np.where(kept, old, new), ones), parts)

    return Paired(draw, over_parts(_accuracy, parts, 1 / parts), 0.0 if after is None else (after - p) / 2)


def pair_mme(p: float, after: float | None = None, tasks: int = 4) -> Paired:
    compute = over_parts(_points, tasks, 1)

    def draw(rng: Rng, n: int, g: int) -> tuple[np.ndarray, np.ndarray]:
        skill = skills(rng, p, 0.3, (n, g))
        other = skill if after is None else skills(rng, after, 0.3, (n, g))
        return placed(_pairs(rng, skill), tasks), placed(_pairs(rng, other), tasks)

    truth = 0.0 if after is None else mme(after, tasks).truth - mme(p, tasks).truth
    return Paired(draw, compute, truth, 200.0 * tasks)


METRICS = {
    "mean of 6 axes, 90 %": lambda: axes(0.9),
    "mean of 6 axes, 97 %": lambda: axes(0.97),
    "mean of 6 axes, 99 %": lambda: axes(0.99),
    "MME total of 4 tasks, 80 % right": lambda: mme(0.8),
    "MME total of 4 tasks, 95 % right": lambda: mme(0.95),
    "MME total of 4 tasks, 99 % right": lambda: mme(0.99),
    "MME score of one task, 97 % right": lambda: mme(0.97, 1),
    "mean F1 of 3 splits, 97 % right, 1 of 6 labels yes": lambda: f1_of_splits(0.97),
    "mean F1 of 3 splits, 99 % right, 1 of 6 labels yes": lambda: f1_of_splits(0.99),
}
SHIFTS = {
    "mean of 6 axes, 90 to 97 % on half of the images": lambda: pair_axes(0.9, 0.97),
    "MME total of 4 tasks, 80 to 90 % right": lambda: pair_mme(0.8, 0.9),
    "MME total of 4 tasks, 95 to 99 % right": lambda: pair_mme(0.95, 0.99),
}
NULLS = {
    "mean of 6 axes, 90 %, half of the answers anew": lambda: pair_axes(0.9),
    "MME total of 4 tasks, 80 % right": lambda: pair_mme(0.8),
    "MME total of 4 tasks, 95 % right": lambda: pair_mme(0.95),
}
