"""Clusters drawn with replacement: (G, V) sums by cluster become (R, V) resampled sums, and their percentiles.

Questions about one image are not independent, so images (clusters) are resampled, never single items.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.stats.samples import Floats

# of intervals and tests: raise it whenever one could change. 1: percentile bootstrap; 3: counts only images that have a say;
# 4: images of unequal weight, the edges, and differences of few changed images; 5: a gate's margins relative to the base;
# 7: a gate's images that were not drawn; 9: differences of groups with a member that one side lacks;
# 10: metrics over parts of which one has too few images; the range of LLaVA-Bench's relative score (no share) and of
# HallusionBench's yes_difference (-1 to 1); CHAIR corrected by marks, over images; 11: sides that resample other units
VERSION = 11
RESAMPLES = 10_000
LEVEL = 0.95
FEWEST_CLUSTERS = 5  # fewer tell nothing about how clusters scatter
_CELLS_PER_CHUNK = 4_000_000  # bounds memory to tens of MB whatever the number of clusters
_CELLS_AT_ONCE = 100_000  # what fits a processor's cache


def resample(totals: Floats, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """Sums over clusters drawn with replacement: (G, V) -> (R, V). The same G and seed draw the same clusters."""
    return _weighted(totals, resamples, seed)


def _weighted(totals: Floats, resamples: int, seed: int) -> Floats:
    n_clusters = len(totals)
    if not n_clusters:
        return np.zeros((resamples, totals.shape[1]))
    whole = bool((totals == np.rint(totals)).all() and np.abs(totals).max(initial=0) * n_clusters < 2**24)
    # whole numbers below 2^24 are exact in float32, at half the time
    kind: type[np.floating[Any]] = np.float32 if whole else np.float64
    right = totals.astype(kind)
    sums = [_counts(n_clusters, n, seed, i).astype(kind) @ right for i, n in enumerate(_chunks(resamples, n_clusters))]
    return np.asfortranarray(np.concatenate(sums), dtype=np.float64)  # formulas read whole columns


def _chunks(resamples: int, n_clusters: int) -> Iterator[int]:
    rows = max(1, min(resamples, _CELLS_PER_CHUNK // n_clusters))
    for start in range(0, resamples, rows):
        yield min(rows, resamples - start)


@lru_cache(maxsize=64)  # every column and metric of a benchmark uses the same draws
def _counts(n_clusters: int, rows: int, seed: int, chunk: int) -> NDArray[np.uint8]:
    """How often each cluster was drawn, (rows, G): multinomial counts."""
    rng = np.random.default_rng([seed, n_clusters, chunk])
    counts = np.empty((rows, n_clusters), dtype=np.uint8)
    for block in np.array_split(counts, rows * n_clusters // _CELLS_AT_ONCE + 1):
        drawn = rng.integers(0, n_clusters, block.shape)
        drawn += np.arange(0, drawn.size, n_clusters)[:, None]  # each row counts into its own bins
        block[:] = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(block.shape)
    return counts


def interval(resampled: Floats, n_clusters: int, level: float = LEVEL) -> tuple[float | None, float | None]:
    """Percentile interval of resampled values; (None, None) when there are too few clusters or known values."""
    known = resampled[np.isfinite(resampled)]
    if n_clusters < FEWEST_CLUSTERS or len(known) < level * len(resampled):
        return None, None
    tail = _widened_tail((1 - level) / 2, n_clusters)
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def _widened_tail(tail: float, n_clusters: int) -> float:
    from scipy.special import ndtr, stdtrit  # only here, so that `--help` need not wait for scipy

    return float(ndtr(np.sqrt(n_clusters / (n_clusters - 1)) * stdtrit(n_clusters - 1, tail)))
