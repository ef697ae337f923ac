"""Columns that repeat an earlier one: the same weights, measured alike with the same scores.

They are one checkpoint under two names: it is not tested against itself, and its tests count once in corrections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.core.run_record import SweepResult
from reports.text.formatting import listing
from reports.values.table import Column, members

Repeats = Mapping[int, int]  # place of a column -> that of the first one that it repeats


def repeats(sweeps: Sequence[SweepResult], places: Sequence[tuple[int, ...]], benchmarks: Sequence[str]) -> Repeats:
    """The columns (`places`: their sweeps, several where they are seeds) that repeat an earlier one on all these benchmarks."""
    found: dict[int, int] = {}
    for j, own in enumerate(places):
        firsts = (i for i in range(j) if i not in found and _alike(sweeps, places[i], own, benchmarks))
        if (first := next(firsts, None)) is not None:
            found[j] = first
    return found


def same_weights(columns: Sequence[Column], sweeps: Sequence[SweepResult], short: Sequence[Column]) -> str:
    """A sentence on each group of columns of the short table that repeat one another on some benchmark; "" for none."""
    places = [own for _, own in members(columns, short)]
    groups: dict[int, dict[int, None]] = {}
    for name in dict.fromkeys(result.benchmark for sweep in sweeps for result in sweep.results):
        for j, first in repeats(sweeps, places, [name]).items():
            groups.setdefault(first, {})[j] = None
    names = {first: listing([short[i].label for i in (first, *sorted(others))]) for first, others in sorted(groups.items())}
    return " ".join(
        f"{same} are the same checkpoint (the same weights, with the same scores): they are not tested against each other and "
        "count once in corrections for many tests."
        for same in names.values()
    )


def _alike(sweeps: Sequence[SweepResult], one: Sequence[int], other: Sequence[int], benchmarks: Sequence[str]) -> bool:
    pairs = [(sweeps[a], sweeps[b]) for a, b in zip(one, other, strict=False)]
    if len(one) != len(other) or not all(a.checkpoint.digest and a.checkpoint.digest == b.checkpoint.digest for a, b in pairs):
        return False
    return all(_measured_alike(a, b, name) for a, b in pairs for name in benchmarks)


def _measured_alike(one: SweepResult, other: SweepResult, benchmark: str) -> bool:
    own, its = (next((r for r in sweep.results if r.benchmark == benchmark), None) for sweep in (one, other))
    if own is None or its is None or own.protocol.differs_from(its.protocol):
        return False
    return [(s.item_id, s.values, s.flag) for s in own.scores] == [(s.item_id, s.values, s.flag) for s in its.scores]
