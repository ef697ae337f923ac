"""Worker processes on this machine, without Ray: the same calls as `cluster.Cluster`, over a pipe to each process.

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
from harness.fleet.cluster import WorkerLost
from harness.fleet.own_node.life import environment
from harness.fleet.own_node.start import one_line, python_path
from harness.fleet.worker import Worker

Work = Callable[[Mapping[str, Any], Progress], Any]  # Any: another for each kind of work
_IMPORTED = ["harness.run.on_fleet.preloaded"]
# glibc gives each thread memory of its own: 60 MiB of gaps in a training. The limits hold from the start of a process, not from
# its first checkpoint on: another 50 MiB.
_MALLOC = {"MALLOC_ARENA_MAX": "1", **{name: str(size) for name, size in MALLOC_LIMITS.items()}}
_NODE = "here"
_END_S = 5.0  # for a process to go once it is ended


@dataclass(eq=False)
class _Process:
    """A process and this end of its pipe."""

    process: Any  # multiprocessing's, of another class for each way of starting
    pipe: Connection


@dataclass(eq=False, frozen=True)
class _Asked:
    """A call under way."""

    worker: _Process


class Processes:
    """So many processes at a time; `close` ends all. `home`: the one node there is."""

    home = _NODE

    def __init__(self, size: int) -> None:
        self._size, self._room = size, threading.BoundedSemaphore(size)
        self._context: Any = multiprocessing.get_context("forkserver" if _has_server() else "spawn")
        self._up: set[_Process] = set()
        self._changing = threading.Lock()

    def total(self, resource: str) -> float:
        """GPUs are not shared out among them; a CPU each."""
        return 0.0 if resource == "GPU" else float(self._size)

    def nodes(self) -> set[str]:
        return {_NODE}

    def dashboard(self) -> str:
        return ""

    def require_alive(self) -> None:
        """There is nothing that all processes need and that could end."""

    def close(self) -> None:
        """End all processes, whatever they do."""
        for one in list(self._up):
            self.dismiss(one)

    # ------------------------------------------------------------ workers

    def hire(self, gpus: float, node: str = "") -> _Process:
        """A new worker; it is asked before it is up, and answers then."""
        return self._started(_serve)

    def dismiss(self, worker: _Process) -> None:
        """End a worker now, whatever it does."""
        with self._changing:
            if worker not in self._up:
                return  # another thread ends it: what is closed twice may be another file by then
            self._up.discard(worker)
        worker.process.kill()
        worker.process.join(_END_S)
        worker.pipe.close()

    def ask(self, worker: _Process, method: str, *words: Any) -> _Asked:
        """Ask for something without waiting for it."""
        try:
            worker.pipe.send((method, words))
        except OSError:
            pass  # it is gone: `result` says so
        return _Asked(worker)

    def ready(self, asked: Sequence[_Asked], timeout_s: float) -> list[_Asked]:
        """Those whose result, or whose loss, is there; waits for the first one."""
        there = {id(pipe) for pipe in wait([one.worker.pipe for one in asked], timeout_s)}
        return [one for one in asked if id(one.worker.pipe) in there]

    def result(self, asked: _Asked) -> Any:  # Any: what the method returns
        """The result of a call that is ready. Raises WorkerLost where there will be none."""
        kind, value = self._received(asked.worker)
        if kind == "error":
            raise WorkerLost(value)
        return value

    # ------------------------------------------------------------ trainings

    def train(self, work: Work, given: Mapping[str, Any], progress: Progress) -> Any:  # Any: what `work` returns
        """What `work(given, progress)` returns, in a process of its own, as soon as there is room for one. Raises TrainingError
        where it is lost or raises itself."""
        give_back_memory()  # of the sweep before: this process only waits
        with self._room:
            process = self._started(_train, work, given)
            try:
                while True:
                    kind, value = self._received(process)
                    if kind == "done":
                        return value
                    if kind == "error":
                        raise TrainingError(value)
                    progress(*value)
            except WorkerLost as lost:
                raise TrainingError(lost.why) from lost
            finally:
                self.dismiss(process)

    # ------------------------------------------------------------ inside

    def _started(self, target: Callable[..., None], *words: Any) -> _Process:
        own, theirs = self._context.Pipe()
        process = self._context.Process(target=target, args=(theirs, *words), daemon=True)
        with self._changing, _environment(), nothing_to_repeat():
            process.start()
            made = _Process(process, own)
            self._up.add(made)
        theirs.close()
        return made

    def _received(self, worker: _Process) -> tuple[str, Any]:
        try:
            found: tuple[str, Any] = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(_END_S)
            raise WorkerLost(f"its process {how_it_ended(worker.process.exitcode)}") from None
        return found


def _environment() -> AbstractContextManager[None]:
    """What a process finds from its start on."""
    return environment({"PYTHONPATH": python_path(), **{name: os.environ.get(name, value) for name, value in _MALLOC.items()}})


def _has_server() -> bool:
    """Whether a server of forks runs that this process may ask; it imports while this process does something else."""
    if sys.platform != "linux":
        return False
    forkserver.set_forkserver_preload(_IMPORTED)
    try:
        with _environment(), nothing_to_repeat():
            forkserver.ensure_running()
    except ChildProcessError:
        return False
    return True


def _begun() -> None:
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
    """One call after the other, until the driver ends."""
    _begun()
    worker = Worker(_NODE, "")
    while True:
        try:
            method, words = pipe.recv()
        except EOFError:
            return
        try:
            value = getattr(worker, method)(*words)
        except Exception as error:  # not one of ours: the driver takes the worker for lost
            pipe.send(("error", one_line(error)))
        else:
            pipe.send(("value", value))


def _train(pipe: Connection, work: Work, given: Mapping[str, Any]) -> None:
    _begun()
    try:
        pipe.send(("done", work(given, lambda *words: pipe.send(("progress", words)))))
    except Exception as error:
        pipe.send(("error", one_line(error)))
