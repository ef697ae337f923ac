"""Worker processes on this machine, without Ray: the same methods as `ray_cluster.RayCluster`, over a pipe to each process.

A process is forked from a server that has imported the libraries once, so that it starts in a moment and shares their memory.
In a process that was itself forked from one with such a server, each imports them anew: the server is not this one's child, and
multiprocessing asks a server of its own only.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from typing import Any

from harness.core.edge.processes import MALLOC_LIMITS, give_back_memory, how_it_ended, nothing_to_repeat
from harness.core.errors import TrainingError
from harness.core.plugins import Progress
from harness.fleet.local_ray.environment import environment
from harness.fleet.local_ray.start import one_line, python_path
from harness.fleet.ray_cluster import WorkerLost
from harness.fleet.worker import Worker

Work = Callable[[Mapping[str, Any], Progress], Any]  # Any: another for each kind of work
_PRELOADED = ["harness.run.on_fleet.preloaded"]
# glibc gives each thread memory of its own: 60 MiB of gaps in a training. The limits hold from the start of a process, not from
# its first checkpoint on: another 50 MiB.
_MALLOC = {"MALLOC_ARENA_MAX": "1", **{name: str(size) for name, size in MALLOC_LIMITS.items()}}
_NODE = "here"
_JOIN_TIMEOUT_S = 5.0  # of a process that is ended


@dataclass(eq=False)
class _Process:
    """A process and this end of its pipe."""

    process: Any  # multiprocessing's, of another class for each way of starting
    pipe: Connection


@dataclass(eq=False, frozen=True)
class _PendingCall:
    """A call in progress."""

    worker: _Process


class LocalProcesses:
    """At most `size` processes at a time; `close` ends all. `driver_node`: the one node there is."""

    driver_node = _NODE

    def __init__(self, size: int) -> None:
        self._size, self._training_slots = size, threading.BoundedSemaphore(size)
        self._context: Any = multiprocessing.get_context("forkserver" if _has_fork_server() else "spawn")
        self._running: set[_Process] = set()
        self._lock = threading.Lock()

    def total(self, resource: str) -> float:
        """GPUs are not shared out among them; a CPU each."""
        return 0.0 if resource == "GPU" else float(self._size)

    def alive_nodes(self) -> set[str]:
        return {_NODE}

    def dashboard_address(self) -> str:
        return ""

    def require_alive(self) -> None:
        """There is nothing that all processes need and that could end."""

    def close(self) -> None:
        """End all processes, also those with a call in progress."""
        for one in list(self._running):
            self.kill_worker(one)

    # ------------------------------------------------------------ workers

    def start_worker(self, gpus: float, node: str = "") -> _Process:
        """A new worker; calls may be submitted before it is up."""
        return self._start(_serve)

    def kill_worker(self, worker: _Process) -> None:
        """End a worker now, also one with a call in progress."""
        with self._lock:
            if worker not in self._running:
                return  # another thread ends it: what is closed twice may be another file by then
            self._running.discard(worker)
        worker.process.kill()
        worker.process.join(_JOIN_TIMEOUT_S)
        worker.pipe.close()

    def submit(self, worker: _Process, method: str, *args: Any) -> _PendingCall:
        """Call a method of a worker without waiting for the result."""
        try:
            worker.pipe.send((method, args))
        except OSError:
            pass  # it is gone: `result` says so
        return _PendingCall(worker)

    def wait(self, calls: Sequence[_PendingCall], timeout_s: float) -> list[_PendingCall]:
        """The calls that have ended, with a result or by the loss of their worker; waits for the first one."""
        ready = {id(pipe) for pipe in wait([call.worker.pipe for call in calls], timeout_s)}
        return [call for call in calls if id(call.worker.pipe) in ready]

    def result(self, call: _PendingCall) -> Any:  # Any: what the method returns
        """The result of a call that has ended. Raises WorkerLost where there will be none."""
        kind, value = self._receive(call.worker)
        if kind == "error":
            raise WorkerLost(value)
        return value

    # ------------------------------------------------------------ trainings

    def train(self, work: Work, given: Mapping[str, Any], progress: Progress) -> Any:  # Any: what `work` returns
        """What `work(given, progress)` returns, in a process of its own, as soon as there is room for one. Raises TrainingError
        where it is lost or raises itself."""
        give_back_memory()  # of the sweep before: this process only waits
        with self._training_slots:
            process = self._start(_train, work, given)
            try:
                while True:
                    kind, value = self._receive(process)
                    if kind == "done":
                        return value
                    if kind == "error":
                        raise TrainingError(value)
                    progress(*value)
            except WorkerLost as lost:
                raise TrainingError(lost.why) from lost
            finally:
                self.kill_worker(process)

    # ------------------------------------------------------------ internals

    def _start(self, target: Callable[..., None], *args: Any) -> _Process:
        own, theirs = self._context.Pipe()
        process = self._context.Process(target=target, args=(theirs, *args), daemon=True)
        with self._lock, _environment(), nothing_to_repeat():
            process.start()
            made = _Process(process, own)
            self._running.add(made)
        theirs.close()
        return made

    def _receive(self, worker: _Process) -> tuple[str, Any]:
        try:
            found: tuple[str, Any] = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(_JOIN_TIMEOUT_S)
            raise WorkerLost(f"its process {how_it_ended(worker.process.exitcode)}") from None
        return found


def _environment() -> AbstractContextManager[None]:
    """What a process finds from its start on."""
    return environment({"PYTHONPATH": python_path(), **{name: os.environ.get(name, value) for name, value in _MALLOC.items()}})


def _has_fork_server() -> bool:
    """Whether a fork server runs that this process may use; it imports while this process does something else."""
    if sys.platform != "linux":
        return False
    forkserver.set_forkserver_preload(_PRELOADED)
    try:
        with _environment(), nothing_to_repeat():
            forkserver.ensure_running()
    except ChildProcessError:
        return False
    return True


def _follow_driver() -> None:
    """Ctrl-C is for the driver, which ends its processes; a driver that is killed takes them along.

    It ends them by SIGKILL, and multiprocessing warns of semaphores ("leaked") whose process did not remove them: tqdm makes
    one. Those of processes that fork have no name that would stay. A worker starts no processes, so nothing else follows.
    """
    if "fork" in multiprocessing.get_all_start_methods():
        multiprocessing.set_start_method("fork", force=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    alive: Any = parent

    def follow() -> None:
        alive.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _serve(pipe: Connection) -> None:
    """Serve one call after the other, until the driver ends."""
    _follow_driver()
    worker = Worker(_NODE, "")
    while True:
        try:
            method, args = pipe.recv()
        except EOFError:
            return
        try:
            value = getattr(worker, method)(*args)
        except Exception as error:  # not a HarnessError: the driver counts the worker as lost
            pipe.send(("error", one_line(error)))
        else:
            pipe.send(("value", value))


def _train(pipe: Connection, work: Work, given: Mapping[str, Any]) -> None:
    _follow_driver()
    try:
        pipe.send(("done", work(given, lambda *args: pipe.send(("progress", args)))))
    except Exception as error:
        pipe.send(("error", one_line(error)))
