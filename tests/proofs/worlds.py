"""What a simulated world is, for coverage.py and other_worlds.py: sums by image, a metric of them, and its true value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.core.evaluation import over
from harness.core.stats import SHARE, Range

Rng = np.random.Generator
Compute = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class World:
    """`draw(rng, n, g)` gives sums by image (n, g, V); `compute` the metric of such sums; `truth` its true value; `range`:
    where it lies."""

    draw: Callable[[Rng, int, int], np.ndarray]
    compute: Compute
    truth: float
    range: Range = SHARE


@dataclass(frozen=True)
class Paired:
    """`draw` gives both sides on the same images; `truth` is the true difference; `width` that of its range, 0: unknown."""

    draw: Callable[[Rng, int, int], tuple[np.ndarray, np.ndarray]]
    compute: Compute
    truth: float = 0.0
    width: float = 1.0


def first_over_second(sums: np.ndarray) -> np.ndarray:
    return over(sums[:, 0], sums[:, 1])


def skills(rng: Rng, p: float, alike: float, shape: tuple[int, ...]) -> np.ndarray:
    """The chance of a right answer by image, beta with mean p; `alike`: correlation of two answers about one image."""
    strength = 1 / alike - 1
    return rng.beta(p * strength, (1 - p) * strength, shape)


def stacked(*columns: np.ndarray) -> np.ndarray:
    return np.stack(columns, axis=-1).astype(np.float64)
