"""The workers of a run: started, given work, and replaced when they are lost.

Any thread may submit work; the pool's own thread (`DispatchLoop`) leases units to workers and receives replies, so that
checkpoints and benchmarks are under way together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.config.fleet_form import FleetConfig
from harness.core.edge.text import count
from harness.core.errors import ConfigError, ModelError
from harness.fleet.dispatch_loop import BUSY_POLL_S, DispatchLoop
from harness.fleet.leases import Leases
from harness.fleet.local_processes import LocalProcesses
from harness.fleet.messages import CheckpointSpec, LoadedCheckpoint, Reply
from harness.fleet.ray_cluster import RayCluster
from harness.fleet.status import Show
from harness.fleet.work_queue import Call, WorkQueue

_WINDOW_PER_WORKER = 4  # units that may be leased ahead of the first unfinished one


class WorkerPool(DispatchLoop):
    """Workers that load one checkpoint at a time and work on one unit after the other."""

    def __init__(self, settings: FleetConfig | int, say: Callable[[str], None], show: Show = lambda status: None) -> None:
        """`settings`: of a fleet through Ray, or a number of processes on this machine; `show` gets the status every few
        seconds. Raises ConfigError where Ray or the resources asked for are not there."""
        cluster, size, gpus = _backend(settings)
        super().__init__(cluster, size, gpus, say, show)
        self._labels: dict[int, str] = {}  # thread -> what it asks for, for people
        self._thread: threading.Thread | None = None
        if isinstance(cluster, LocalProcesses):
            say(f"jobs: {size} processes at a time on this machine")
            return
        say(f"fleet: {describe_workers(size, gpus)} on {count(len(cluster.alive_nodes()), 'host')}")
        if address := cluster.dashboard_address():
            say(f"fleet: Ray's dashboard is at http://{address}")

    def close(self) -> None:
        """End the workers, and the Ray that was started for them. Threads that wait for work get a ModelError."""
        with self._changed:
            self._closed = True
            self._error = self._error or ModelError("The fleet was closed.")
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.stop_workers()
        self.cluster.close()

    def stop_workers(self) -> None:
        """End the workers, so that their memory is free; new ones are started when they are needed."""
        with self._changed:
            self._in_use.pop(threading.get_ident(), None)
            for worker in self.workers:
                self.cluster.kill_worker(worker.actor)
            self.workers = []

    @property
    def loaded_checkpoints(self) -> tuple[LoadedCheckpoint, ...]:
        """All checkpoints that the workers have loaded so far."""
        return tuple(self._loaded.values())

    # ------------------------------------------------------------ work, submitted by any thread

    def load(self, spec: CheckpointSpec) -> LoadedCheckpoint:
        """Have the checkpoint loaded; returns when the first worker has it. Raises what loading raises.

        It is this thread's checkpoint from now on, until the thread asks for another one or `release`s it.
        """
        with self._changed:
            self._use(spec)
            while spec.digest not in self._loaded or spec.digest in self._failed:
                self._wait(spec)
            return self._loaded[spec.digest]

    def label(self, what: str) -> None:
        """What this thread asks for from now on, for people: the benchmark."""
        self._labels[threading.get_ident()] = what

    def release(self) -> None:
        """This thread needs no worker any more: those with its checkpoint load others at once."""
        with self._changed:
            self._labels.pop(threading.get_ident(), None)
            self._in_use.pop(threading.get_ident(), None)
            self._changed.notify_all()

    def call(self, spec: CheckpointSpec, *call: Any) -> Any:  # Any: what the worker's method returns
        """One call of one worker; the value of its reply. Raises ModelError where it kills its workers."""
        (reply,) = self.map(spec, [call])
        return reply.unwrap()

    def map(self, spec: CheckpointSpec, calls: Sequence[Call]) -> Iterator[Reply]:
        """The replies to calls, in their order; `Reply.set_aside` says why a call was given up.

        Calls are retried when a worker is lost, so they must be idempotent.
        """
        label = self._labels.get(threading.get_ident(), "")
        with self._queued(WorkQueue(spec, calls, Leases(len(calls), max(self.size, 1) * _WINDOW_PER_WORKER), label)) as queue:
            for n in range(len(calls)):
                with self._changed:
                    while n not in queue.replies and n not in queue.leases.set_aside:
                        self._wait(spec)
                    reply = queue.replies.pop(n) if n in queue.replies else queue.set_aside_reply(n)
                yield reply

    @contextmanager
    def _queued(self, queue: WorkQueue) -> Iterator[WorkQueue]:
        with self._changed:
            self._use(queue.spec)
            self._queues.append(queue)
        try:
            yield queue
        finally:
            with self._changed:
                self._queues.remove(queue)

    def _use(self, spec: CheckpointSpec) -> None:
        self._in_use[threading.get_ident()] = spec
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _wait(self, spec: CheckpointSpec) -> None:
        if error := self._error or self._failed.get(spec.digest):
            self._in_use.pop(threading.get_ident(), None)
            raise error
        self._changed.wait(BUSY_POLL_S)


def _backend(settings: FleetConfig | int) -> tuple[RayCluster | LocalProcesses, int, float]:
    """Where the workers run, how many there are, and the GPUs of each."""
    if isinstance(settings, int):
        return LocalProcesses(settings), settings, 0.0
    cluster = RayCluster(settings.address, settings.workers)
    try:
        return cluster, *pool_size(settings, cluster)
    except ConfigError:
        cluster.close()
        raise


def pool_size(settings: FleetConfig, cluster: RayCluster) -> tuple[int, float]:
    """(workers, GPUs of each). Raises ConfigError where the cluster's hosts have less than is asked for."""
    cpus, there = cluster.total("CPU"), cluster.total("GPU")
    gpus = settings.gpus if settings.gpus is not None else min(there, 1.0)
    size = settings.workers or (int(there / gpus) if gpus else len(cluster.alive_nodes()))
    if size * gpus > there or size < 1:
        raise ConfigError(
            f"The fleet asks for {describe_workers(max(size, 1), gpus)}, and its hosts have {_describe_gpus(there)}. Give "
            "fewer `--workers`, or fewer `fleet.gpus`."
        )
    if size > cpus:
        raise ConfigError(
            f"The fleet asks for {count(size, 'worker')}, and its hosts have {cpus:g} CPUs: one a worker is needed."
        )
    return size, gpus


def describe_workers(size: int, gpus: float) -> str:
    """'1 worker', '2 workers with 0.5 GPUs each'."""
    return count(size, "worker") + (f" with {_describe_gpus(gpus)}{' each' if size > 1 else ''}" if gpus else "")


def _describe_gpus(number: float) -> str:
    """Also a part of one: '0.5 GPUs'."""
    return f"{number:g} GPU{'' if number == 1 else 's'}"
