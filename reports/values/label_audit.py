"""What edits of labels do to metrics, ranks and conclusions, as plain values; `reports/label_audit/effect.py` computes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.labels.claims import ResultKey
from harness.labels.estimates.corrected_chair import CorrectedChair
from harness.labels.estimates.error_attribution import ErrorFaults
from harness.labels.estimates.label_error_rate import LabelRates
from reports.values.table import Row


@dataclass(frozen=True, slots=True)
class ChangedMetric:
    """One metric under both labels; cells are by column, ranks too (1 is best; empty where neither direction is better)."""

    official: Row
    audited: Row
    ranks_before: tuple[int | None, ...] = ()
    ranks_after: tuple[int | None, ...] = ()

    @property
    def is_reordered(self) -> bool:
        return self.ranks_before != self.ranks_after

    @property
    def reordered(self) -> tuple[int, ...]:
        """Columns that change places with one from which they are distinguishable under either labelling."""
        before, after = self.ranks_before, self.ranks_after
        pairs = [*self.official.order, *((j, i) for i, j in self.audited.order)]  # (i, j): i before j, at first
        places = [(b, a) for b, a in zip(before, after, strict=True)] if len(before) == len(after) else []
        swapped = {c for i, j in pairs if places and _swapped(places[i], places[j]) for c in (i, j)}
        return tuple(sorted(swapped))


def _swapped(one: tuple[int | None, int | None], other: tuple[int | None, int | None]) -> bool:
    """The first was before the second, and is behind it now."""
    if one[0] is None or one[1] is None or other[0] is None or other[1] is None:
        return False
    return one[0] < other[0] and one[1] > other[1]


@dataclass(frozen=True, slots=True)
class ReversedConclusion:
    """A conclusion that holds under one labelling only; `before` and `after` are values of Cell.significant."""

    row: Row
    column: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Bound:
    """One metric of one result, with its disputed labels settled: the worst and the best value that this can give.

    `is_searched`: settling all labels alike, for the answers or against them, does not give these ends; they were found by
    settling one after the other, and there may be ends a little farther out.
    """

    result: ResultKey
    metric: str
    group: str
    unit: str
    worst: float | None
    best: float | None
    is_searched: bool = False


@dataclass(frozen=True, slots=True)
class DroppedItems:
    """`n` of the `of` items that were asked left the audited metrics: a label of each is too ambiguous."""

    benchmark: str
    n: int
    of: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a report shows of an audit."""

    revision: str
    edits: Mapping[str, int]  # "right", "flipped", "removed" -> how many hold
    conflicts: tuple[str, ...]
    not_asked: int
    changed_metrics: tuple[ChangedMetric, ...]
    reversed_conclusions: tuple[ReversedConclusion, ...]
    faults: tuple[tuple[str, ErrorFaults], ...]  # with the column's label
    rates: tuple[LabelRates, ...]
    disputed: int = 0
    bounds: tuple[tuple[str, Bound], ...] = ()
    captions: tuple[CorrectedChair, ...] = ()
    dropped: tuple[DroppedItems, ...] = ()  # of the benchmarks that lose items
    scored_under: tuple[tuple[str, str, str], ...] = ()  # (column, benchmark, labels) that are not the published ones
