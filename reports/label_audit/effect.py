"""What edits of labels do to metrics, ranks and conclusions: two comparisons of the same runs, side by side.

`official` and `audited` are comparisons of the same columns; nothing was generated again for the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from harness.core.evaluation import LabelEdit
from harness.core.run_record import LABELS, PUBLISHED_LABELS
from harness.labels.claims import Labels, ResultKey
from harness.labels.estimates.corrected_chair import CorrectedChair
from harness.labels.estimates.error_attribution import ErrorFaults, error_faults
from harness.labels.estimates.label_error_rate import label_rates
from reports.values.comparison import Comparison
from reports.values.label_audit import Bound, ChangedMetric, DroppedItems, Effect, ReversedConclusion
from reports.values.table import Cell, Column, Row

T = TypeVar("T", ErrorFaults, Bound)


def effect(
    official: Comparison,
    audited: Comparison,
    labels: Sequence[Labels],
    edits: Sequence[LabelEdit],
    columns: Mapping[tuple[str, str], str],
    *,
    revision: str,
    control: Mapping[str, Mapping[str, int]] | None = None,
    conflicts: Sequence[str] = (),
    not_asked: int = 0,
    disputed: int = 0,
    bounds: Sequence[Bound] = (),
    captions: Sequence[CorrectedChair] = (),
    dropped: Sequence[DroppedItems] = (),
) -> Effect:
    """Put official and audited results side by side.

    Args:
        edits: those that hold.
        columns: (run, its label of a checkpoint) -> the column's label, see `columns_of`.
        control: benchmark -> size and seed of the control set that was reviewed.
        disputed: how many labels of these runs wait for an adjudication; `bounds` are the metrics at both ends.
    """
    of = {one.benchmark: [e for e in edits if e.benchmark == one.benchmark] for one in labels}
    touched = {row.benchmark for row in audited.rows} & _touched(official, audited)
    drawn = {one.benchmark: (control or {}).get(one.benchmark, {}) for one in labels}
    found = [fault for one in labels for fault in error_faults(one, of[one.benchmark], drawn[one.benchmark])]
    return Effect(
        revision=revision,
        edits={new: sum(edit.new == new for edit in edits) for new in ("right", "flipped", "removed")},
        conflicts=tuple(conflicts),
        not_asked=not_asked,
        changed_metrics=tuple(_changed_metric(a, b) for a, b in _both(official.rows, audited.rows) if a.benchmark in touched),
        reversed_conclusions=tuple(
            turn for a, b in _both(official.short.rows, audited.short.rows) for turn in _reversed(official.short.columns, a, b)
        ),
        faults=tuple(_by_column(columns, found)),
        rates=tuple(label_rates(one, of[one.benchmark], drawn[one.benchmark]) for one in labels),
        disputed=disputed,
        bounds=tuple(_by_column(columns, bounds)),
        captions=tuple(captions),
        dropped=tuple(dropped),
        scored_under=tuple(_scored_under(official, touched)),
    )


def _scored_under(official: Comparison, touched: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(column, benchmark, revision) of the columns whose own labels are not those that were published."""
    for benchmark in sorted(touched):
        differ = {d.column: d.other for d in official.protocol_differences if (d.benchmark, d.fact) == (benchmark, LABELS)}
        rows = [row for row in official.rows if row.benchmark == benchmark]
        for place, column in enumerate(official.columns):
            own = differ.get(column.label, official.protocols[benchmark].get(LABELS, PUBLISHED_LABELS))
            if own not in (PUBLISHED_LABELS, "(none)") and any(row.cells[place] is not None for row in rows):
                yield column.label, benchmark, own


def _by_column(columns: Mapping[tuple[str, str], str], found: Iterable[T]) -> Iterator[tuple[str, T]]:
    """With their columns' labels; those of one run alone where several measured the same of a base that they share."""
    of: dict[tuple[str, str], ResultKey] = {}
    for one in found:
        key = one.result
        if (column := columns.get((key.run_id, key.label))) and of.setdefault((column, key.benchmark), key) == key:
            yield column, one


def _touched(official: Comparison, audited: Comparison) -> set[str]:
    """Benchmarks whose protocol names the revision."""
    return {name for name, facts in audited.protocols.items() if facts != official.protocols.get(name)}


def _both(official: Sequence[Row], audited: Sequence[Row]) -> list[tuple[Row, Row]]:
    after = {(row.benchmark, row.key): row for row in audited}
    return [(row, after[row.benchmark, row.key]) for row in official if (row.benchmark, row.key) in after]


def _changed_metric(before: Row, after: Row) -> ChangedMetric:
    return ChangedMetric(before, after, ranks(before.cells, before.better), ranks(after.cells, after.better))


def ranks(cells: Sequence[Cell | None], better: str) -> tuple[int | None, ...]:
    """1 for the best; equal values share the better rank; None where the value is unknown."""
    if better not in ("higher", "lower") or sum(c is not None and c.value is not None for c in cells) < 2:
        return ()
    sign = -1 if better == "higher" else 1
    values = [None if c is None or c.value is None else round(sign * c.value, 12) for c in cells]
    return tuple(None if v is None else 1 + sum(o is not None and o < v for o in values) for v in values)


def _reversed(columns: Sequence[Column], before: Row, after: Row) -> list[ReversedConclusion]:
    pairs = zip(columns, before.cells, after.cells, strict=True)
    return [
        ReversedConclusion(before, column.label, old.significant, new.significant)
        for column, old, new in pairs
        if old is not None and new is not None and old.significant != new.significant
    ]
