"""Uncertainty of numbers: bootstrap over clusters, exact tests, correction for many tests. Pure functions.

Questions about one image are not independent, so images (clusters) are resampled, never single items. A resample
is a row of counts, one a cluster; counts (R, G) times addends summed by cluster (G, V) gives R resampled sums, and a
formula over these gives R resampled metrics, ratios included. Both sides of a difference get the same counts.

Intervals are percentile intervals, widened for few clusters as in Hesterberg 2015 (arXiv:1411.5279, section 3.3).
Differences between two sweeps are in `reports/values/paired.py`, several seeds in `reports/values/seeds.py`, agreement of
raters in `harness/labels/rater_agreement.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.evaluation import Formula, Item, Metric, Number, Score, Sums

Floats = NDArray[np.float64]
RESAMPLES = 10_000
LEVEL = 0.95
POWER = 0.8  # chance with which the "smallest detectable difference" would be found
LEAST_P = 1e-300  # a smaller p is given as this: 0 would be certainty
FEWEST_CLUSTERS = 5  # fewer tell nothing about how clusters scatter
_CELLS_PER_CHUNK = 4_000_000  # bounds memory to tens of MB whatever the number of clusters
_CELLS_AT_ONCE = 100_000  # what fits a processor's cache


class Sample:
    """Scores as numbers: `values` (I, V), one row an item; `cluster` (I,) in 0..G-1. Not to be changed."""

    def __init__(self, names: Sequence[str], values: Floats, cluster: NDArray[np.intp]) -> None:
        self.names, self.values, self.cluster = tuple(names), values, cluster
        self.n_clusters = int(cluster.max()) + 1 if len(cluster) else 0
        self._drawn: Floats | None = None

    def __len__(self) -> int:
        return len(self.cluster)

    @cached_property
    def totals(self) -> Floats:
        """Addends summed by cluster, (G, V)."""
        columns = [np.bincount(self.cluster, column, self.n_clusters) for column in self.values.T]
        return np.array(columns, dtype=np.float64).reshape(len(self.names), self.n_clusters).T

    @property
    def drawn(self) -> Floats:
        """Resampled sums, (R, V); samples with as many clusters draw the same ones."""
        if self._drawn is None:
            self._drawn = resample(self.totals)
        return self._drawn

    def rows(self, chosen: Sequence[int]) -> Sample:
        """Some of the items, in that order."""
        _, cluster = np.unique(self.cluster[list(chosen)], return_inverse=True)
        return Sample(self.names, self.values[list(chosen)], cluster.astype(np.intp))


def sample(clusters: Sequence[Hashable], scores: Sequence[Score], names: Sequence[str] = ()) -> Sample:
    """One row a score; without `names`, the columns are all addend names in order of appearance."""
    codes: dict[Hashable, int] = {}
    cluster = np.array([codes.setdefault(c, len(codes)) for c in clusters], dtype=np.intp)
    columns = tuple(names) or addend_names(scores)
    place = {name: i for i, name in enumerate(columns)}
    values = np.zeros((len(scores), len(columns)))
    for row, score in enumerate(scores):
        for name, value in score.values.items():
            values[row, place[name]] = value
    return Sample(columns, values, cluster)


def draw_together(samples: Sequence[Sample]) -> None:
    """Fill `drawn` of all samples; those with as many clusters in one go, which is several times faster."""
    for n_clusters in {s.n_clusters for s in samples}:
        alike = [s for s in samples if s.n_clusters == n_clusters]
        drawn = resample(np.hstack([s.totals for s in alike]))
        ends = np.cumsum([len(s.names) for s in alike])
        for s, end in zip(alike, ends.tolist(), strict=True):
            s._drawn = drawn[:, end - len(s.names) : end]


def addend_names(scores: Iterable[Score]) -> tuple[str, ...]:
    """All names of addends, in order of appearance."""
    return tuple(dict.fromkeys(chain.from_iterable(score.values for score in scores)))


def metrics(items: Sequence[Item], scores: Sequence[Score], formulas: Sequence[Formula]) -> tuple[Metric, ...]:
    """The formulas over these scores, each with its 95 % interval. Scores are matched to items by id."""
    clusters = {item.id: item.cluster for item in items}
    return measure(sample([clusters[score.item_id] for score in scores], scores), formulas)


def measure(data: Sample, formulas: Sequence[Formula]) -> tuple[Metric, ...]:
    """The same, of scores that are numbers already."""
    return tuple(_metric(data, formula) for formula in formulas)


def _metric(data: Sample, formula: Formula) -> Metric:
    f, moved = formula, moving(formula, data)
    n, n_clusters = int(moved.sum()), clusters_of(data, moved)
    value = float(evaluate(f, data.names, data.values.sum(axis=0, keepdims=True))[0])
    if not np.isfinite(value):
        return Metric(f.name, None, n, f.better, group=f.group, unit=f.unit, headline=f.headline, why=f.unknown)
    low, high = interval_of_value(f, evaluate(f, data.names, data.drawn), n_clusters)
    return Metric(f.name, value, n, f.better, low, high, f.group, f.unit, f.headline)


def interval_of_value(formula: Formula, resampled: Floats, n_clusters: int) -> tuple[float | None, float | None]:
    """`interval`, which where all resamples are one value is exact for all right or none, and else unknown."""
    low, high = interval(resampled, n_clusters)
    if low is None or high is None or high - low > 1e-12:
        return low, high
    if formula.unit == "share" and low in (0.0, 1.0):
        return _interval_of_all_or_none(low == 1.0, n_clusters)
    return None, None


def items_counted(formula: Formula, data: Sample) -> int:
    """How many items move this formula."""
    return int(moving(formula, data).sum())


def moving(formula: Formula, data: Sample) -> NDArray[np.bool_]:
    """Which items move this formula, (I,): those with an addend, not 0, that it reads (a split, a slice, the judged)."""
    read: set[str] = set()

    class Watched(Sums):
        def __getitem__(self, name: str) -> Number:
            read.add(name)
            return super().__getitem__(name)

    formula.compute(Watched(dict(zip(data.names, data.values.sum(axis=0).tolist(), strict=True))))
    columns = [i for i, name in enumerate(data.names) if name in read]
    found: NDArray[np.bool_] = (data.values[:, columns] != 0).any(axis=1)
    return found


def clusters_of(data: Sample, moved: NDArray[np.bool_]) -> int:
    """How many clusters these items are of: a slice knows no more than its own images tell."""
    return len(np.unique(data.cluster[moved]))


def evaluate(formula: Formula, names: Sequence[str], sums: Floats) -> Floats:
    """The formula on R rows of sums (R, V) -> (R,); nan where unknown."""
    with np.errstate(all="ignore"):  # a third-party formula may divide by 0: that is nan, reported later
        value = formula.compute(Sums({name: sums[:, i] for i, name in enumerate(names)}))
    return np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), (len(sums),)))


# ---------------------------------------------------------------- resampling


def resample(totals: Floats, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """Sums over clusters drawn with replacement: (G, V) -> (R, V). The same G and seed draw the same clusters."""
    return _weighted(_counts, totals, resamples, seed)


def swap(totals: Floats, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """Sums over a random half of the clusters, each in or out by a coin: (G, V) -> (R, V)."""
    return _weighted(_coins, totals, resamples, seed)


def _weighted(draw: Callable[..., NDArray[np.uint8]], totals: Floats, resamples: int, seed: int) -> Floats:
    n_clusters = len(totals)
    if not n_clusters:
        return np.zeros((resamples, totals.shape[1]))
    whole = bool((totals == np.rint(totals)).all() and np.abs(totals).max(initial=0) * n_clusters < 2**24)
    # whole numbers below 2^24 are exact in float32, at half the time
    kind: type[np.floating[Any]] = np.float32 if whole else np.float64
    right = totals.astype(kind)
    sums = [draw(n_clusters, n, seed, i).astype(kind) @ right for i, n in enumerate(_chunks(resamples, n_clusters))]
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


@lru_cache(maxsize=64)
def _coins(n_clusters: int, rows: int, seed: int, chunk: int) -> NDArray[np.uint8]:
    """(rows, G) of 0 and 1."""
    rng = np.random.default_rng([seed, n_clusters, chunk, 1])
    return rng.integers(0, 2, (rows, n_clusters), dtype=np.uint8)


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


def _interval_of_all_or_none(all_right: bool, n_clusters: int) -> tuple[float, float]:
    """Clopper-Pearson for 0 or G successes of G clusters: resampling identical values would claim certainty."""
    reach = 1 - ((1 - LEVEL) / 2) ** (1 / n_clusters)
    return (1 - reach, 1.0) if all_right else (0.0, reach)


# ---------------------------------------------------------------- exact tests, ranks


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided McNemar: were gains and losses equally likely? 1 when nothing changed."""
    from scipy.special import bdtr

    changed = gained + lost
    return min(1.0, 2 * float(bdtr(min(gained, lost), changed, 0.5))) if changed else 1.0


def rank_biserial(changes: Floats) -> float | None:
    """Share of rank sum that went up minus the share that went down (zeros and unknowns left out)."""
    changes = np.round(changes, 12)  # ties stay ties whatever rounding made of equal changes
    changes = changes[np.isfinite(changes) & (changes != 0)]
    if not len(changes):
        return None
    _, place, counts = np.unique(np.abs(changes), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks * np.sign(changes)).sum() / ranks.sum())


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction over all p that are known."""
    order = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    worst = 0.0
    for rank, (p, i) in enumerate(order):
        worst = max(worst, min(1.0, p * (len(order) - rank)))
        corrected[i] = worst
    return corrected
