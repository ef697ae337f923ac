"""The driver's handle of one worker: its state, and the call that it is busy with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from harness.fleet.messages import CheckpointSpec, WorkerInfo
from harness.fleet.work_queue import WorkQueue


@dataclass(eq=False)
class WorkerHandle:
    """A worker as the driver knows it."""

    actor: Any  # what `RayCluster.start_worker` or `LocalProcesses.start_worker` returned
    since: float  # when the call in progress, or else the idle time, began
    call: Any = None  # the reference to the result of the call in progress
    state: Literal["starting", "loading", "working", "idle"] = "starting"
    queue: WorkQueue | None = None  # whose unit it has
    unit: int = -1
    info: WorkerInfo | None = None  # None until it is up
    spec: CheckpointSpec | None = None  # what it has loaded, or is loading
    answers: int = 0
    device: str = ""
    label: str = ""  # of the queue that its last unit was from

    @property
    def name(self) -> str:
        if self.info is None:
            return "a host that is not up yet"
        return f"{self.info.host} (process {self.info.pid})" if self.info.host else f"process {self.info.pid}"

    def set_idle(self, now: float) -> None:
        self.call, self.queue, self.unit, self.state, self.since = None, None, -1, "idle", now
