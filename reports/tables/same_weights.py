"""Columns that repeat an earlier one: the same weights, measured alike with the same scores.

They are one checkpoint under two names: it is not tested against itself, and its tests count once in corrections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.core.run_record import BenchmarkResult, SweepResult
from reports.tables.results import Results, results_of
from reports.text.formatting import listing
from reports.values.table import Column

Repeats = Mapping[int, int]  # place of a column -> that of the first one that it repeats


def repeats(sweeps: Sequence[SweepResult], places: Sequence[tuple[int, ...]], benchmarks: Sequence[str]) -> Repeats:
    """The columns (`places`: their sweeps, several where they are seeds) that repeat an earlier one on all these benchmarks."""
    found: dict[int, int] = {}
    results = [results_of(sweeps, name) for name in benchmarks]
    for j, own in enumerate(places):
        firsts = (i for i in range(j) if i not in found and _alike(sweeps, results, places[i], own))
        if (first := next(firsts, None)) is not None:
            found[j] = first
    return found


def same_weights(short: Sequence[Column], repeated: Mapping[str, Repeats]) -> str:
    """A sentence on each group of columns of the short table that repeat one another on some benchmark; "" for none.

    repeated: by benchmark, the columns that repeat an earlier one.
    """
    groups: dict[int, dict[int, None]] = {}
    for again in repeated.values():
        for j, first in again.items():
            groups.setdefault(first, {})[j] = None
    names = {first: listing([short[i].label for i in (first, *sorted(others))]) for first, others in sorted(groups.items())}
    return " ".join(
        f"{same} are the same checkpoint (the same weights, with the same scores): they are not tested against each other and "
        "count once in corrections for many tests."
        for same in names.values()
    )


def _alike(sweeps: Sequence[SweepResult], results: Sequence[Results], one: Sequence[int], other: Sequence[int]) -> bool:
    """`results`: of every benchmark, in the order of the sweeps."""
    pairs = list(zip(one, other, strict=False))
    digests = [(sweeps[a].checkpoint.digest, sweeps[b].checkpoint.digest) for a, b in pairs]
    if len(one) != len(other) or not all(own and own == its for own, its in digests):
        return False
    return all(_measured_alike(each[a], each[b]) for a, b in pairs for each in results)


def _measured_alike(one: BenchmarkResult | None, other: BenchmarkResult | None) -> bool:
    if one is None or other is None or one.protocol.differs_from(other.protocol):
        return False
    return [(s.item_id, s.values, s.flag) for s in one.scores] == [(s.item_id, s.values, s.flag) for s in other.scores]
