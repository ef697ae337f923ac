"""Calls that wait for workers with one checkpoint, and their replies so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.core.edge.text import count
from harness.fleet.leases import Leases
from harness.fleet.messages import CheckpointSpec, Reply, WaveUnit

Call = tuple[Any, ...]  # name of a worker's method, and its arguments


@dataclass(eq=False)
class WorkQueue:
    """Unit n of the work is call n; `leases` say which worker has it."""

    spec: CheckpointSpec
    calls: Sequence[Call]
    leases: Leases
    label: str = ""  # for people: the benchmark
    replies: dict[int, Reply] = field(default_factory=dict)

    def set_aside_reply(self, unit: int) -> Reply:
        """The reply that stands for a unit that lost too many workers."""
        call, losses = self.calls[unit], self.leases.losses[unit]
        what = str(call[1]) if isinstance(call[1], WaveUnit) else f"the call {call[0]!r}"
        why = f"{what} lost {count(len(losses), 'worker')} and is set aside; the last loss: {losses[-1]}"
        return Reply(None, set_aside=why)
