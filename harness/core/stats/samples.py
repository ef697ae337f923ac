"""Scores as numbers: addends by item and by cluster, and formulas over their sums."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.evaluation import Formula, Number, Score, Sums

Floats = NDArray[np.float64]
_NONE = np.float64(0)
_FACTORS = np.array([0.0, 1.5, 3.0])  # what a sum is changed by to see whether a formula depends on it


class NumpySums(Sums):
    """A name that nobody added is numpy's 0: divided by it a sum is infinite or nan, and the formula reads on, where Python's 0
    would end it, with names unread that it depends on."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Number:
        return self._sums.get(name, _NONE)


class Sample:
    """Scores as numbers: `values` (I, V), one row an item; `cluster` (I,) in 0..G-1. Not to be changed.

    known: what was computed of it, since the parts of a report ask for the same again.
    """

    def __init__(self, names: Sequence[str], values: Floats, cluster: NDArray[np.intp]) -> None:
        self.names, self.values, self.cluster = tuple(names), values, cluster
        self.known: dict[Hashable, Any] = {}  # Any: as each function that keeps something there
        self.n_clusters = int(cluster.max()) + 1 if len(cluster) else 0

    def __len__(self) -> int:
        return len(self.cluster)

    @cached_property
    def totals(self) -> Floats:
        """Addends summed by cluster, (G, V)."""
        columns = [np.bincount(self.cluster, column, self.n_clusters) for column in self.values.T]
        return np.array(columns, dtype=np.float64).reshape(len(self.names), self.n_clusters).T

    @cached_property
    def sums(self) -> Floats:
        """Addends summed over all clusters, (V,)."""
        sums: Floats = self.totals.sum(axis=0)
        return sums

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


def addend_names(scores: Iterable[Score]) -> tuple[str, ...]:
    """All names of addends, in order of appearance."""
    return tuple(dict.fromkeys(chain.from_iterable(score.values for score in scores)))


def items_counted(formula: Formula, data: Sample) -> int:
    """How many items move this formula."""
    return int(moving(formula, data).sum())


def moving(formula: Formula, data: Sample) -> NDArray[np.bool_]:
    """Which items move this formula, (I,): those with an addend, not 0, that it reads (a split, a slice, the judged)."""
    found: NDArray[np.bool_] = (data.values[:, columns_read(formula, data)] != 0).any(axis=1)
    return found


def columns_read(formula: Formula, data: Sample) -> list[int]:
    """The columns of addends that this formula depends on: read, and able to change its value.

    A formula that reads all four cells of a confusion for its precision depends on two: answers of no say nothing of it.
    """
    return _columns(formula, data.names)


@lru_cache(maxsize=8192)
def _columns(formula: Formula, names: tuple[str, ...]) -> list[int]:
    read: set[str] = set()

    class Watched(NumpySums):
        def __getitem__(self, name: str) -> Number:
            read.add(name)
            return super().__getitem__(name)

    with np.errstate(all="ignore"):
        formula.compute(Watched(dict.fromkeys(names, np.float64(1))))
    asked = sorted(read)  # also names that no item has: without errors, right answers alone cannot move an accuracy
    moved = {name for name, changes in zip(asked, _can_change(formula, asked), strict=True) if changes} if asked else read
    columns = [i for i, name in enumerate(names) if name in moved]
    return columns or [i for i, name in enumerate(names) if name in read]  # all, of one that is the same always


def _can_change(formula: Formula, names: Sequence[str]) -> NDArray[np.bool_]:
    """Whether the value moves with each of these sums, (C,), at three places that mean nothing."""
    points = np.random.default_rng(0).uniform(1, 9, (3, len(names)))
    which = np.eye(len(names))[:, None, :]
    moved = points[:, None, None, :] * np.where(which > 0, _FACTORS[:, None], 1.0)  # (P, C, F, C)
    values = evaluate(formula, names, moved.reshape(-1, len(names))).reshape(len(points), len(names), -1)
    still = evaluate(formula, names, points)[:, None, None]
    same = (values == still) | (np.isnan(values) & np.isnan(still))
    changes: NDArray[np.bool_] = ~same.all(axis=(0, 2))
    return changes


def clusters_of(data: Sample, moved: NDArray[np.bool_]) -> int:
    """How many clusters these items are of: a slice knows no more than its own images tell."""
    return int(which_clusters(data, moved).sum())


def which_clusters(data: Sample, moved: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which clusters these items are of, (G,)."""
    found = np.zeros(data.n_clusters, dtype=np.bool_)
    found[data.cluster[moved]] = True
    return found


def evaluate(formula: Formula, names: Sequence[str], sums: Floats) -> Floats:
    """The formula on R rows of sums (R, V) -> (R,); nan where unknown."""
    with np.errstate(all="ignore"):  # a third-party formula may divide by 0: that is nan, reported later
        value = formula.compute(NumpySums({name: sums[:, i] for i, name in enumerate(names)}))
    found = np.asarray(value, dtype=np.float64)
    return np.array(found if found.shape == (len(sums),) else np.broadcast_to(found, (len(sums),)))
