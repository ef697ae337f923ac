"""A metric near its measured value: what it owes to each cluster, and how the formula bends.

A cluster's part is what leaving it out would change, to second order (the jackknife's value, which weighs clusters by how much
of the metric they carry: standard errors from first-order parts are too small where one image has a tenth of all questions).

A formula over sums is expanded in the coordinates in which the resampled sums are uncorrelated with scatter 1. Slopes are
fitted over steps of up to one standard error, not at a point, so that formulas that round their result (AMBER) or have a
kink (ECE) get the slope that matters at the scale of their uncertainty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.core.evaluation import Formula
from harness.core.stats.samples import Floats, Sample, clusters_of, columns_read, evaluate, moving, which_clusters

_STEPS = np.array([-1.0, -0.5, 0.5, 1.0])  # in standard errors
_LEAST, _LEAST_OF_OTHERS, _LEAST_OF_ROOT = 2, 0.5, 1.6  # clusters of a part, by those of the others (tests/proofs/gaps.py)
_NOISE = 1e-11  # of the largest part


class Moments(NamedTuple):
    """Of a metric's parts u, each (N,).

    error2: squared standard error. freedom: its degrees of freedom by kurtosis, 2 (sum u^2)^2 / (sum u^4 - (sum u^2)^2 / G),
    at least 1: few clusters that hold all errors tell little. skew: the acceleration, skewness / 6.
    holding: (sum u^2)^2 / sum u^4, how many equal clusters would scatter so; 0 without scatter. sums: of u^2, u^3 and u^4.
    """

    error2: Floats
    freedom: Floats
    skew: Floats
    holding: Floats
    sums: tuple[Floats, Floats, Floats]


class FewClusters(NamedTuple):
    """A part of a metric that too few clusters move, how many, and how many are needed."""

    name: str
    clusters: int
    needed: int


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Metrics of N independent samples of up to G clusters each.

    value: (N,). parts: (N, G), what leaving each cluster out would change, to second order; sum 0. clusters: (N,) how many
    clusters move it. bias: (N,) expected excess of the value over the truth. bend: (N,) half the second derivative along the
    direction of the metric's own scatter, per standard error squared (c_q times the error, DiCiccio and Efron 1992, section 4).
    counting: (N,) how many clusters move it in this sample itself, of the clusters of a pair; of a difference those of the
    side that has fewer; 0 where one of the formula's parts has too few for a test.
    sides: of a difference, what it was made of. few: the formula's parts that have too few.
    """

    value: Floats
    parts: Floats
    clusters: Floats
    bias: Floats
    bend: Floats
    counting: Floats
    sides: tuple[Linear, ...] = ()
    few: tuple[FewClusters, ...] = ()

    @property
    def freedom(self) -> Floats:
        """Degrees of freedom by the number of clusters, (N,); at least 1."""
        found: Floats = np.maximum(np.minimum(self.clusters, self.counting) - 1, 1)
        return found

    def minus(self, other: Linear) -> Linear:
        """The difference, of samples over the same clusters in the same order; rounding noise is no change."""
        parts, size = self.parts - other.parts, np.maximum(np.abs(self.parts), np.abs(other.parts))
        parts = np.where(np.abs(parts) > _NOISE * size.max(axis=1, keepdims=True, initial=0), parts, 0.0)
        clusters, counting = np.maximum(self.clusters, other.clusters), np.minimum(self.counting, other.counting)
        value, bias, bend = self.value - other.value, self.bias - other.bias, self.bend - other.bend
        return Linear(value, parts, clusters, bias, bend, counting, (self, other), _fewest_each((*self.few, *other.few)))

    def as_share(self, low: float, width: float) -> Linear:
        """The same metric as a share of the range from `low` to `low` + `width`."""
        parts, bias, bend = self.parts / width, self.bias / width, self.bend / width
        return replace(self, value=(self.value - low) / width, parts=parts, bias=bias, bend=bend)

    @property
    def moments(self) -> Moments:
        n, square = self.clusters, self.parts * self.parts
        s2, s3, s4 = square.sum(axis=1), (square * self.parts).sum(axis=1), (square * square).sum(axis=1)
        with np.errstate(all="ignore"):
            freedom = np.where(s2 > 0, np.maximum(2 * s2**2 / np.maximum(s4 - s2**2 / n, 1e-300), 1), 0)
            skew, holding = np.where(s2 > 0, s3 / (6 * s2**1.5), 0), np.where(s2 > 0, s2**2 / s4, 0)
        return Moments(s2 * n / np.maximum(n - 1, 1), freedom, skew, holding, (s2, s3, s4))


def expand(compute: Callable[[Floats], Floats], totals: Floats) -> Linear:
    """`compute` takes sums (M, V) to metrics (M,); `totals` (N, G, V) are sums by cluster, 0 for clusters that do not count.

    Parts are nan where the formula is unknown within a standard error of what was measured.
    """
    sums, centred = totals.sum(axis=1), totals - totals.mean(axis=1, keepdims=True)
    spread, axes = np.linalg.eigh(np.einsum("ngv,ngw->nvw", centred, centred))
    root = np.sqrt(np.maximum(spread, 0)) * (spread > 1e-9 * spread.max(axis=1, keepdims=True))
    value = compute(sums)
    arms = axes * root[:, None, :]
    slopes, bends = _fitted(compute, sums, arms, value)
    with np.errstate(all="ignore"):
        places = centred @ (axes * np.where(root > 0, 1 / root, 0)[:, None, :])  # (N, G, W), of clusters along the axes
        error = np.sqrt((slopes**2).sum(axis=1))
        along = np.einsum("nvw,nw->nv", arms, slopes / np.where(error > 0, error, 1)[:, None])
    bent = np.einsum("ngw,ngw->ng", places @ _curvature(compute, sums, arms, bends), places) / 2
    parts = (places @ slopes[:, :, None])[:, :, 0] - bent + bent.mean(axis=1, keepdims=True)
    _, bend = _fitted(compute, sums, along[:, :, None], value)
    clusters = (totals != 0).any(axis=2).sum(axis=1).astype(np.float64)
    return Linear(value, parts, clusters, bends.sum(axis=1) / 2, bend[:, 0] / 2, clusters)


def _curvature(compute: Callable[[Floats], Floats], sums: Floats, arms: Floats, bends: Floats) -> Floats:
    """All second derivatives along W axes, (N, W, W): `bends` (N, W) along the axes, and between every two of them half the
    difference along both diagonals, which does not hang on the axes' signs."""
    n, v, w = arms.shape
    found = np.zeros((n, w, w))
    found[:, range(w), range(w)] = bends
    if w > 1:
        rows, columns, steps = _diagonals(w)
        at = sums[:, None, :] + np.swapaxes(arms @ steps, 1, 2)  # (N, 4 P, V)
        there = compute(at.reshape(-1, v)).reshape(n, 4, len(rows))
        found[:, rows, columns] = found[:, columns, rows] = (there[:, 0] + there[:, 1] - there[:, 2] - there[:, 3]) / 2
    return found


@lru_cache(maxsize=64)
def _diagonals(w: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Pairs of W axes, (P,) twice, and steps of one standard error both ways along both diagonals between them, (W, 4 P)."""
    rows, columns = np.triu_indices(w, 1)
    one, other = np.eye(w)[:, rows] / np.sqrt(2), np.eye(w)[:, columns] / np.sqrt(2)
    return rows, columns, np.concatenate([one + other, -one - other, one - other, other - one], axis=1)


def _fitted(compute: Callable[[Floats], Floats], sums: Floats, directions: Floats, value: Floats) -> tuple[Floats, Floats]:
    """Slope and second derivative along each of W directions, (N, V, W) -> two of (N, W)."""
    n, v, w = directions.shape
    at = sums[:, None, None, :] + _STEPS[:, None] * np.swapaxes(directions, 1, 2)[:, :, None, :]  # (N, W, 4, V)
    there = compute(at.reshape(-1, v)).reshape(n, w, len(_STEPS))
    slope = (there * _STEPS).sum(axis=2) / (_STEPS**2).sum()
    bend = ((there - value[:, None, None]) * _STEPS**2).sum(axis=2) * 2 / (_STEPS**4).sum()
    return slope, bend


def linearise(formula: Formula, data: Sample, moved: NDArray[np.bool_] | None = None) -> Linear:
    """The formula over a sample, N = 1; parts stand for all its clusters, 0 for those that do not move the formula.

    `moved`: the items that count, where they are not the sample's own (of a pair, say).
    """
    own = which_clusters(data, moving(formula, data))
    there = own if moved is None else which_clusters(data, moved)
    asked = ("linear", formula, there.tobytes())
    if asked not in data.known:
        data.known[asked] = _linearised(formula, data, own, there)
    found: Linear = data.known[asked]
    return found


def _linearised(formula: Formula, data: Sample, own: NDArray[np.bool_], there: NDArray[np.bool_]) -> Linear:
    """`own`: the clusters that move the formula, (G,); `there`: those that count."""
    columns = columns_read(formula, data)
    names = [data.names[i] for i in columns]
    few = few_clusters(formula, data)
    counting = np.array([0.0 if few else float(own.sum())])

    def compute(sums: Floats) -> Floats:
        return evaluate(formula, names, sums)

    if not there.any() or not columns:
        value = evaluate(formula, data.names, data.sums[None])
        none = np.zeros(1)
        return Linear(value, np.zeros((1, data.n_clusters)), none, none, none, counting, few=few)
    found = expand(compute, data.totals[there][:, columns][None])
    parts = np.zeros((1, data.n_clusters))
    parts[0, there] = found.parts[0]
    return replace(found, parts=parts, clusters=np.array([float(there.sum())]), counting=counting, few=few)


def few_clusters(formula: Formula, data: Sample) -> tuple[FewClusters, ...]:
    """The formula's parts that too few clusters move for an interval or a test of the whole: fewer than two, or than half of
    what the other parts have on average, or, where that is less, 1.6 times its root.

    One cluster has no scatter; a part that is small beside the others has most of the whole's variance, and tells little of it.
    """
    counts = [(part.title or part.group or part.name, clusters_of(data, moving(part, data))) for part in formula.parts]
    if len(counts) < 2:
        return ()
    total, found = sum(n for _, n in counts), list[FewClusters]()
    for name, n in counts:
        others = (total - n) / (len(counts) - 1)
        least = max(_LEAST, min(_LEAST_OF_OTHERS * others, _LEAST_OF_ROOT * math.sqrt(others)))
        found += [FewClusters(name, n, math.ceil(least))] if n < least else []
    return _fewest_each(found)


def _fewest_each(several: Iterable[FewClusters]) -> tuple[FewClusters, ...]:
    """Each part once, with the fewest clusters and the most that are needed."""
    found: dict[str, FewClusters] = {}
    for one in several:
        other = found.get(one.name, one)
        found[one.name] = FewClusters(one.name, min(one.clusters, other.clusters), max(one.needed, other.needed))
    return tuple(found.values())


def mean_of(several: Sequence[Linear]) -> Linear:
    """The mean over seeds that were measured on the same clusters."""
    columns = zip(*((s.value, s.parts, s.clusters, s.bias, s.bend, s.counting) for s in several), strict=True)
    value, parts, clusters, bias, bend, counting = (np.array(column) for column in columns)
    sides = tuple(mean_of(side) for side in zip(*(s.sides for s in several), strict=True))
    middle = (value.mean(axis=0), parts.mean(axis=0), clusters.max(axis=0), bias.mean(axis=0), bend.mean(axis=0))
    return Linear(*middle, counting.min(axis=0), sides, _fewest_each(part for one in several for part in one.few))
