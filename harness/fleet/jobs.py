"""Pieces of work that wait for workers, and which of them an idle worker takes. Pure: time is given, nothing is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.core.edge.text import count
from harness.fleet.leases import Leases
from harness.fleet.messages import Reply, Spec, WaveUnit

Call = tuple[Any, ...]  # name of a worker's method, and its arguments


@dataclass(eq=False)
class Job:
    """Calls to workers that have one checkpoint, and the replies so far."""

    spec: Spec
    calls: Sequence[Call]
    leases: Leases
    what: str = ""  # for people
    replies: dict[int, Reply] = field(default_factory=dict)

    def set_aside(self, unit: int) -> Reply:
        """The reply that stands for a unit that lost too many workers."""
        call, losses = self.calls[unit], self.leases.losses[unit]
        what = str(call[1]) if isinstance(call[1], WaveUnit) else f"the call {call[0]!r}"
        return Reply(None, aside=f"{what} lost {count(len(losses), 'worker')} and is set aside; the last loss: {losses[-1]}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A checkpoint somebody works with: its units that may be handed out now, and how many workers have it."""

    spec: Spec
    waiting: int
    held_by: int

    @property
    def need(self) -> float:
        """Work left for each worker, were there one more; a checkpoint that nobody has yet wants one to be planned with."""
        return (self.waiting + (0 if self.held_by else 1)) / (self.held_by + 1)


def wanted(open_specs: Iterable[Spec], jobs: Iterable[Job], held: Sequence[Spec | None], now: float) -> list[Wanted]:
    """All checkpoints that are worked with, in the order in which they were opened."""
    waiting = dict.fromkeys(open_specs, 0)
    for job in jobs:
        if job.spec in waiting:
            waiting[job.spec] += job.leases.on_offer(now)
    return [Wanted(spec, n, held.count(spec)) for spec, n in waiting.items()]


def next_checkpoint(own: Spec | None, idle_s: float, load_s: float, choice: Sequence[Wanted]) -> Spec | None:
    """The checkpoint that an idle worker, which has `own` and no unit of it, should load; None: it waits.

    It waits for more work of its own checkpoint as long as loading another takes: at worst that doubles what a wrong guess
    costs (the ski-rental rule). Then the checkpoint with most work left for each of its workers is next. A worker without
    a checkpoint loads one also where no unit waits yet, so that workers load side by side.
    """
    if own is not None and any(w.spec == own for w in choice) and idle_s < load_s:
        return None
    others = [w for w in choice if w.spec != own and (own is None or w.need > 0)]
    if not others:
        return None
    return max(others, key=lambda w: (w.need, -w.held_by)).spec
