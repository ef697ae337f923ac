"""Yes/no questions as a confusion matrix: each answer's reading (yes, no, neither) against the label of each of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.core.run_record import BenchmarkResult, SweepResult
from reports.tables.results import benchmark_names, results_of
from reports.values.details import Confusion
from reports.values.table import Column, members

_CELLS = {
    ("yes", "yes"): "tp", ("yes", "no"): "fp", ("no", "no"): "tn", ("no", "yes"): "fn",
    ("", "yes"): "unread_yes", ("", "no"): "unread_no",
}  # fmt: skip


def confusions(columns: Sequence[Column], sweeps: Sequence[SweepResult], short: Sequence[Column]) -> tuple[Confusion, ...]:
    """One entry for each benchmark, slice and column of the short table; a method's counts are means over its seeds."""
    found = []
    for name in benchmark_names(sweeps):
        results = results_of(sweeps, name)
        by_label = {label: [_counts(r) for i in places if (r := results[i])] for label, places in members(columns, short)}
        groups = dict.fromkeys(group for counted in by_label.values() for counts in counted for group in counts)
        for group in groups:
            for label, counted in by_label.items():
                if counted:
                    here = [c.get(group, Counter()) for c in counted]
                    mean = {cell: sum(c[cell] for c in here) / len(here) for cell in _CELLS.values()}
                    found.append(Confusion(name, group, label, **mean))
    return tuple(found)


def _counts(result: BenchmarkResult) -> dict[str, Counter[str]]:
    """slice -> cell -> rows that are answered; nothing for a benchmark that has no labels of yes and no."""
    by_group: dict[str, Counter[str]] = {}
    items = {item.id: item for item in result.items}
    for score in result.scores:
        said = score.reading if score.reading in ("yes", "no") else ""
        item = items.get(score.item_id)
        for group, label in result.labels_by_slice(item) if item else ():
            by_group.setdefault(group, Counter())[_CELLS[said, label]] += 1
    return by_group
