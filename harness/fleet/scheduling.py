"""Which checkpoint an idle worker loads next. Pure: time is an argument, nothing is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.fleet.messages import CheckpointSpec
from harness.fleet.work_queue import WorkQueue


@dataclass(frozen=True, slots=True)
class CheckpointDemand:
    """A checkpoint in use: the number of its units that may be leased now, and of workers that have it."""

    spec: CheckpointSpec
    available: int
    workers: int

    @property
    def units_per_worker(self) -> float:
        """Units for each worker, were there one more; a checkpoint that no worker has yet counts one unit, its plan."""
        return (self.available + (0 if self.workers else 1)) / (self.workers + 1)


def checkpoint_demands(
    in_use: Iterable[CheckpointSpec], queues: Iterable[WorkQueue], loaded: Sequence[CheckpointSpec | None], now: float
) -> list[CheckpointDemand]:
    """Of all checkpoints in use, in the order in which they were opened; `loaded`: the checkpoint of each worker."""
    available = dict.fromkeys(in_use, 0)
    for queue in queues:
        if queue.spec in available:
            available[queue.spec] += queue.leases.available(now)
    return [CheckpointDemand(spec, n, loaded.count(spec)) for spec, n in available.items()]


def next_checkpoint(
    own: CheckpointSpec | None, idle_s: float, load_s: float, demands: Sequence[CheckpointDemand]
) -> CheckpointSpec | None:
    """The checkpoint that an idle worker, which has `own` and no unit of it, should load; None: it waits.

    It waits for more work of its own checkpoint as long as loading another takes: at worst that doubles what a wrong guess
    costs (the ski-rental rule). Then the checkpoint with most work left for each of its workers is next. A worker without
    a checkpoint loads one also where no unit waits yet, so that workers load side by side.
    """
    if own is not None and any(one.spec == own for one in demands) and idle_s < load_s:
        return None
    others = [one for one in demands if one.spec != own and (own is None or one.units_per_worker > 0)]
    if not others:
        return None
    return max(others, key=lambda one: (one.units_per_worker, -one.workers)).spec
