"""The dispatcher of a pool: starts workers, leases units to them, receives replies, and removes workers that are lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from harness.core.errors import HarnessError, ModelError
from harness.fleet.host_checks import check_loaded, check_same_code, check_versions
from harness.fleet.local_processes import LocalProcesses
from harness.fleet.messages import CheckpointSpec, LoadedCheckpoint, Reply, own_versions
from harness.fleet.ray_cluster import RayCluster, WorkerLost
from harness.fleet.scheduling import checkpoint_demands, next_checkpoint
from harness.fleet.status import FleetCounters, Show, status_of
from harness.fleet.work_queue import WorkQueue
from harness.fleet.worker_handle import WorkerHandle

BUSY_POLL_S = 1.0
_IDLE_POLL_S, _LIVENESS_CHECK_S, _STATUS_S = 0.05, 5.0, 2.0
_START_TIMEOUT_S, _LOAD_TIMEOUT_S, _MIN_HOLD_S = 300.0, 3600.0, 2.0
_MAX_LOSSES_IN_A_ROW = 6  # before any unit is done; or twice the size of the pool, since a host may take many with it


class DispatchLoop:
    """Workers, the queues that wait for them, and a loop in a thread of its own; callers' threads share it under `_changed`."""

    def __init__(
        self, cluster: RayCluster | LocalProcesses, size: int, gpus: float, say: Callable[[str], None], show: Show
    ) -> None:
        self.cluster, self.size, self._gpus = cluster, size, gpus
        self._say, self._show, self._shown_at, self._busy_s = say, show, 0.0, 0.0
        self.counters = FleetCounters()
        self.workers, self._queues = list[WorkerHandle](), list[WorkQueue]()
        self._in_use: dict[int, CheckpointSpec] = {}  # thread -> the checkpoint that it works with
        self._loaded: dict[str, LoadedCheckpoint] = {}  # by the spec's digest
        self._failed: dict[str, HarnessError] = {}
        self._longest_load_s = 0.0
        self._versions, self._losses_in_a_row, self._checked_at = own_versions(), 0, 0.0
        self._changed, self._closed = threading.Condition(), False
        self._error: Exception | None = None

    def _run(self) -> None:
        try:
            while not self._closed:
                began = time.monotonic()
                self._step()
                self._report_status(began)
        except Exception as error:  # whoever waits for work gets it
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _step(self) -> None:
        """Start workers, assign units, wait a moment, and receive the replies that are there."""
        with self._changed:
            if self._in_use:
                self._start_and_assign(time.monotonic())
            busy = {worker.call: worker for worker in self.workers if worker.call is not None}
            all_busy = len(busy) == self.size
            if not busy:
                self._changed.wait(BUSY_POLL_S if not self._in_use else _IDLE_POLL_S)
                return
        ready = self.cluster.wait(list(busy), BUSY_POLL_S if all_busy else _IDLE_POLL_S)
        with self._changed:
            for call in ready:
                if busy[call] in self.workers and busy[call].call is call:
                    self._receive(busy[call])
            if ready:
                self._changed.notify_all()

    def _report_status(self, began: float) -> None:
        now = time.monotonic()
        self._busy_s += now - began if self._queues else 0.0
        if now - self._shown_at > _STATUS_S and self._in_use:
            self._shown_at = now
            with self._changed:
                status = status_of(self.workers, self._queues, self.counters, self._busy_s, now)
            self._show(status)

    def _start_and_assign(self, now: float) -> None:
        self._remove_lost_workers(now)
        while len(self.workers) < self.size:
            worker = WorkerHandle(self.cluster.start_worker(self._gpus), now)
            worker.call = self.cluster.submit(worker.actor, "hello")
            self.workers.append(worker)
        for worker in self.workers:
            if worker.call is None and not self._assign_unit(worker, now):
                self._assign_checkpoint(worker, now)

    def _assign_unit(self, worker: WorkerHandle, now: float) -> bool:
        for queue in self._queues:
            unit = queue.leases.acquire(now) if queue.spec == worker.spec else None
            if unit is not None:
                worker.state, worker.queue, worker.unit, worker.since, worker.label = "working", queue, unit, now, queue.label
                worker.call = self.cluster.submit(worker.actor, *queue.calls[unit])
                return True
        return False

    def _assign_checkpoint(self, worker: WorkerHandle, now: float) -> None:
        specs = [spec for spec in self._in_use.values() if spec.digest not in self._failed]
        demands = checkpoint_demands(specs, self._queues, [one.spec for one in self.workers], now)
        spec = next_checkpoint(worker.spec, now - worker.since, max(self._longest_load_s, _MIN_HOLD_S), demands)
        if spec is not None:
            worker.spec, worker.state, worker.since = spec, "loading", now
            worker.call = self.cluster.submit(worker.actor, "load", spec)

    def _receive(self, worker: WorkerHandle) -> None:
        """The result of a call. Raises ModelError where a host does not fit the driver."""
        now = time.monotonic()
        try:
            reply: Reply = self.cluster.result(worker.call)
        except WorkerLost as lost:
            if worker.state == "starting":
                check_same_code(worker.name, lost.why)
            self._remove_worker(worker, lost.why)
            return
        state, unit, queue, took_s = worker.state, worker.unit, worker.queue, now - worker.since
        worker.set_idle(now)
        if state == "starting":
            worker.info = reply.unwrap()
            check_versions(worker.info, self._versions)
        elif state == "loading" and worker.spec is not None:
            self._receive_loaded(worker, worker.spec, reply, took_s)
        elif queue is not None and queue in self._queues and queue.leases.complete(unit, took_s):
            self._losses_in_a_row = 0
            self.counters.count_unit(worker, reply)
            queue.replies[unit] = reply

    def _receive_loaded(self, worker: WorkerHandle, spec: CheckpointSpec, reply: Reply, took_s: float) -> None:
        """All workers must have the same weights and the same facts; else who works with this checkpoint gets the error."""
        try:
            loaded: LoadedCheckpoint = reply.unwrap()
            check_loaded(worker.name, loaded, self._loaded.setdefault(spec.digest, loaded))
            self._longest_load_s, worker.device = max(self._longest_load_s, took_s), loaded.device
            self.counters.loads += 1
        except HarnessError as error:
            worker.spec = None
            self._failed[spec.digest] = error

    # ------------------------------------------------------------ losses

    def _remove_lost_workers(self, now: float) -> None:
        """Workers on hosts that do not answer any more, and those whose call has timed out.

        Raises ModelError where the driver's own node is lost: Ray then starts no worker for it any more, on no host.
        """
        if now - self._checked_at < _LIVENESS_CHECK_S:
            return
        self._checked_at, alive = now, self.cluster.alive_nodes()
        if self.cluster.driver_node not in alive:
            raise ModelError(
                "The Ray node of this host, to which this command belongs, has ended. Start it again and run the same command; "
                "what was answered is stored."
            )
        for worker in list(self.workers):
            timeout_s = {"starting": _START_TIMEOUT_S, "loading": _LOAD_TIMEOUT_S}.get(
                worker.state, 4 * (worker.queue.leases.timeout_s if worker.queue else _LOAD_TIMEOUT_S)
            )
            if worker.info is not None and worker.info.node not in alive:
                self._remove_worker(worker, "its host does not answer any more")
            elif worker.call is not None and now - worker.since > timeout_s:
                self._remove_worker(worker, f"no reply for {now - worker.since:,.0f} s")

    def _remove_worker(self, worker: WorkerHandle, why: str) -> None:
        """Retry its unit with another worker. Raises ModelError where one worker after the other is lost before any unit is
        done."""
        self.workers.remove(worker)
        self.cluster.kill_worker(worker.actor)
        self.counters.workers_lost += 1
        self._losses_in_a_row += 1
        words = f"a worker on {worker.name} was lost while {worker.state}: {why}"
        self._say(f"fleet: {words}")
        queue = worker.queue
        if queue is not None and queue in self._queues and not queue.leases.worker_lost(worker.unit, worker.since, why):
            self.counters.units_retried += 1
        self._changed.notify_all()
        if worker.state != "working" and self._losses_in_a_row >= max(_MAX_LOSSES_IN_A_ROW, 2 * self.size):
            raise ModelError(
                f"The fleet cannot start: {self._losses_in_a_row} workers were lost one after the other. The last: {words}."
            )
