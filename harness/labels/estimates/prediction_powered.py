"""Prediction-powered inference: a judge's mean over all items, corrected with human ratings of a sample.

Angelopoulos et al. 2023, Science 382, 669 (arXiv:2301.09633), with the weight of PPI++
(Angelopoulos, Duchi and Zrnic 2023, arXiv:2311.01453, section 6). It is the difference estimator of survey sampling.
Answers about one image hang together: the standard error is over images. With one answer an image, value and error are those
of GLIDE 0.11 (Martinon et al. 2026, arXiv:2605.31278); with images that are rated whole or not at all, and have equally many
answers, the error is that of GLIDE's clustered estimator at the same weight.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.core.stats import LEVEL

FEWEST = 5  # images with rated items; with fewer their scatter is unknown
Floats = NDArray[np.float64]


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
    error: float | None = None  # standard error over images


def corrected_mean(
    judge: ArrayLike,
    rated: ArrayLike,
    people: ArrayLike,
    images: Sequence[Hashable] | None = None,
    rated_images: Sequence[Hashable] | None = None,
) -> Corrected:
    """Mean human rating over all items, estimated.

    Args:
        judge: (N,) the judge's values of the items that nobody rated.
        rated: (n,) the judge's values of the rated items, which must have been drawn at random.
        people: (n,) the human ratings of these.
        images, rated_images: (N,) and (n,) the images that they are about; each its own where they are not given.
    """
    f, g, y = (np.asarray(values, dtype=np.float64) for values in (judge, rated, people))
    n_all, n = len(f) + len(g), len(g)
    plain = float(np.concatenate([f, g]).mean()) if n_all else None
    people_mean = float(y.mean()) if n else None
    rest_of, own = images or [("rest", i) for i in range(len(f))], rated_images or [("rated", i) for i in range(n)]
    if len(set(own)) < FEWEST:
        return Corrected(None, None, None, plain, people_mean, n, n_all)
    weight = _weight(f, g, y)
    rest = float(f.mean()) if len(f) else float(g.mean())
    value = weight * rest + float((y - weight * g).mean())
    error = clustered_error((y - weight * g, own), (weight * f, rest_of))
    reach = _quantile(len(set(own))) * error
    return Corrected(value, value - reach, value + reach, plain, people_mean, n, n_all, weight, error)


def clustered_error(*samples: tuple[Floats, Sequence[Hashable]]) -> float:
    """Standard error over images of the sum of the samples' means; a sample is its values and the image of each.

    Each mean counts with M / (M - 1), M being its images; a sample of one image has no scatter.
    """
    by_image: dict[Hashable, float] = {}
    for values, images in samples:
        n_images = len(set(images))
        if n_images > 1:
            parts = (values - values.mean()) / len(values) * (n_images / (n_images - 1)) ** 0.5
            for image, part in zip(images, parts, strict=True):
                by_image[image] = by_image.get(image, 0.0) + float(part)
    return float(np.sqrt(sum(part**2 for part in by_image.values())))


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
