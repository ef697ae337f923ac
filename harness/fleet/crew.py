"""The workers of a run: hired, kept at work, replaced when they are lost.

Any thread may ask for work; a thread of the crew hands units out and takes replies: checkpoints and benchmarks go on together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.config.fleet_form import FleetConfig
from harness.core.edge.text import count
from harness.core.errors import ConfigError, ModelError
from harness.fleet.cluster import Cluster
from harness.fleet.jobs import Call, Job
from harness.fleet.leases import Leases
from harness.fleet.messages import Loaded, Reply, Spec
from harness.fleet.processes import Processes
from harness.fleet.status import Show
from harness.fleet.turns import BUSY_S, Turns

_AHEAD = 4  # units a worker may be ahead of the first that is not there


class Crew(Turns):
    """Workers that load one checkpoint at a time and take one unit after the other."""

    def __init__(self, settings: FleetConfig | int, say: Callable[[str], None], show: Show = lambda status: None) -> None:
        """`settings`: of a fleet through Ray, or a number of processes on this machine; `show` gets how it goes every few
        seconds. Raises ConfigError where Ray or the resources asked for are not there."""
        cluster, size, gpus = _hosts(settings)
        super().__init__(cluster, size, gpus, say, show)
        self._what: dict[int, str] = {}  # thread -> what it asks for, in words
        self._thread: threading.Thread | None = None
        if isinstance(cluster, Processes):
            say(f"jobs: {size} processes at a time on this machine")
            return
        say(f"fleet: {workers_with(size, gpus)} on {count(len(cluster.nodes()), 'host')}")
        if address := cluster.dashboard():
            say(f"fleet: Ray's dashboard is at http://{address}")

    def close(self) -> None:
        """End the workers, and the Ray that was started for them. Threads that wait for work get a ModelError."""
        with self._changed:
            self._closed = True
            self._error = self._error or ModelError("The fleet was closed.")
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.rest()
        self.cluster.close()

    def rest(self) -> None:
        """End the workers, so that their memory is free; new ones come when they are needed."""
        with self._changed:
            self._open.pop(threading.get_ident(), None)
            for hand in self._hands:
                self.cluster.dismiss(hand.actor)
            self._hands = []

    @property
    def bases(self) -> tuple[Loaded, ...]:
        """All checkpoints that the workers have loaded so far."""
        return tuple(self._known.values())

    # ------------------------------------------------------------ work, asked for by any thread

    def load(self, spec: Spec) -> Loaded:
        """Have the checkpoint loaded; returns when the first worker has it. Raises what loading raises.

        It is this thread's checkpoint from now on, until the thread asks for another one or `leave`s.
        """
        with self._changed:
            self._begin(spec)
            while spec.digest not in self._known or spec.digest in self._failed:
                self._wait(spec)
            return self._known[spec.digest]

    def begin(self, what: str) -> None:
        """What this thread asks for from now on, in words for people."""
        self._what[threading.get_ident()] = what

    def leave(self) -> None:
        """This thread needs no worker any more: those with its checkpoint take others at once."""
        with self._changed:
            self._what.pop(threading.get_ident(), None)
            self._open.pop(threading.get_ident(), None)
            self._changed.notify_all()

    def one(self, spec: Spec, *call: Any) -> Any:  # Any: what the worker's method returns
        """One call of one worker; the value of its reply. Raises ModelError where it kills its workers."""
        (reply,) = self.work(spec, [call])
        return reply.given()

    def work(self, spec: Spec, calls: Sequence[Call]) -> Iterator[Reply]:
        """The replies to calls, in their order; `Reply.aside` says why a call was set aside when its turn has come.

        Calls are asked for again when a worker is lost, so they must be such that a second answer is as good as the first.
        """
        what = self._what.get(threading.get_ident(), "")
        with self._listed(Job(spec, calls, Leases(len(calls), max(self.size, 1) * _AHEAD), what)) as job:
            for n in range(len(calls)):
                with self._changed:
                    while n not in job.replies and n not in job.leases.aside:
                        self._wait(spec)
                    reply = job.replies.pop(n) if n in job.replies else job.set_aside(n)
                yield reply

    @contextmanager
    def _listed(self, job: Job) -> Iterator[Job]:
        with self._changed:
            self._begin(job.spec)
            self._jobs.append(job)
        try:
            yield job
        finally:
            with self._changed:
                self._jobs.remove(job)

    def _begin(self, spec: Spec) -> None:
        self._open[threading.get_ident()] = spec
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _wait(self, spec: Spec) -> None:
        if error := self._error or self._failed.get(spec.digest):
            self._open.pop(threading.get_ident(), None)
            raise error
        self._changed.wait(BUSY_S)


def _hosts(settings: FleetConfig | int) -> tuple[Cluster | Processes, int, float]:
    """Where the workers run, how many there are, and the GPUs of each."""
    if isinstance(settings, int):
        return Processes(settings), settings, 0.0
    cluster = Cluster(settings.address, settings.workers)
    try:
        return cluster, *sized(settings, cluster)
    except ConfigError:
        cluster.close()
        raise


def sized(settings: FleetConfig, cluster: Cluster) -> tuple[int, float]:
    """(workers, GPUs of each). Raises ConfigError where the cluster's hosts have less than is asked for."""
    cpus, there = cluster.total("CPU"), cluster.total("GPU")
    gpus = settings.gpus if settings.gpus is not None else min(there, 1.0)
    size = settings.workers or (int(there / gpus) if gpus else len(cluster.nodes()))
    if size * gpus > there or size < 1:
        raise ConfigError(
            f"The fleet asks for {workers_with(max(size, 1), gpus)}, and its hosts have {_gpus(there)}. Give "
            "fewer `--workers`, or fewer `fleet.gpus`."
        )
    if size > cpus:
        raise ConfigError(
            f"The fleet asks for {count(size, 'worker')}, and its hosts have {cpus:g} CPUs: one a worker is needed."
        )
    return size, gpus


def workers_with(size: int, gpus: float) -> str:
    """'1 worker', '2 workers with 0.5 GPUs each'."""
    return count(size, "worker") + (f" with {_gpus(gpus)}{' each' if size > 1 else ''}" if gpus else "")


def _gpus(number: float) -> str:
    """Also a part of one: '0.5 GPUs'."""
    return f"{number:g} GPU{'' if number == 1 else 's'}"
