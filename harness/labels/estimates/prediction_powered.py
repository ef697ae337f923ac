"""Prediction-powered inference: a judge's mean over all items, corrected with human ratings of a sample.

Angelopoulos et al. 2023, Science 382, 669 (arXiv:2301.09633), with the weight of PPI++
(Angelopoulos, Duchi and Zrnic 2023, arXiv:2311.01453, section 6). It is the difference estimator of survey sampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.core.stats import LEVEL

FEWEST = 5  # rated items; with fewer their scatter is unknown


@dataclass(frozen=True, slots=True)
class Corrected:
    """`value` with its 95 % interval; `plain` is the judge's own mean, `people` that of the rated items alone.

    `weight`: how far the judge is trusted, 0 (not at all: the mean of the people's ratings) to 1.
    """

    value: float | None
    low: float | None
    high: float | None
    plain: float | None
    people: float | None
    n: int
    of: int
    weight: float = 1.0


def corrected_mean(judge: ArrayLike, rated: ArrayLike, people: ArrayLike) -> Corrected:
    """Mean human rating over all items, estimated.

    Args:
        judge: (N,) the judge's values of the items that nobody rated.
        rated: (n,) the judge's values of the rated items, which must have been drawn at random.
        people: (n,) the human ratings of these.
    """
    f, g, y = (np.asarray(values, dtype=np.float64) for values in (judge, rated, people))
    n_all, n = len(f) + len(g), len(g)
    plain = float(np.concatenate([f, g]).mean()) if n_all else None
    people_mean = float(y.mean()) if n else None
    if n < FEWEST:
        return Corrected(None, None, None, plain, people_mean, n, n_all)
    weight = _weight(f, g, y)
    rest = float(f.mean()) if len(f) else float(g.mean())
    value = weight * rest + float((y - weight * g).mean())
    variance = float((y - weight * g).var(ddof=1)) / n
    variance += weight**2 * float(f.var(ddof=1)) / len(f) if len(f) > 1 else 0.0
    reach = _quantile(n) * variance**0.5
    return Corrected(value, value - reach, value + reach, plain, people_mean, n, n_all, weight)


def _weight(f: np.ndarray, g: np.ndarray, y: np.ndarray) -> float:
    """The weight with the least variance: cov(y, g) / (var(g) (1 + n / N)), kept in [0, 1]."""
    spread = float(np.concatenate([f, g]).var(ddof=1))
    if spread == 0 or not len(f):
        return 0.0
    together = float(np.cov(y, g, ddof=1)[0, 1])
    return min(1.0, max(0.0, together / (spread * (1 + len(g) / len(f)))))


def _quantile(n: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, (1 + LEVEL) / 2))
