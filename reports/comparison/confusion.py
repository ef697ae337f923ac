"""Yes/no questions as a confusion matrix, for every benchmark whose addends are named tp, fp, tn, fn ("slice/tp", ...)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.core.run_record import BenchmarkResult, SweepResult
from reports.comparison.metric_table import benchmark_names, results_of
from reports.values.details import Confusion
from reports.values.table import Column, members

_CELLS = ("tp", "fp", "tn", "fn")


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
                    mean = {k: sum(c.get(group, Counter())[k] for c in counted) / len(counted) for k in (*_CELLS, "unread")}
                    found.append(Confusion(name, group, label, **mean))
    return tuple(found)


def _counts(result: BenchmarkResult) -> dict[str, Counter[str]]:
    """slice -> tp, fp, tn, fn, unread; only slices with one of the first four."""
    by_group: dict[str, Counter[str]] = {}
    for score in result.scores:
        for addend, value in score.values.items():
            group, _, cell = addend.rpartition("/")
            if cell in _CELLS or cell == "unread":
                by_group.setdefault(group, Counter())[cell] += value  # type: ignore[assignment]
    return {group: counts for group, counts in by_group.items() if any(counts[c] for c in _CELLS)}
