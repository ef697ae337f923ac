"""Images made ahead of the GPU by processes of their own: decoding and resizing take longer than a GPU needs for the answers.

Whatever a worker cannot do is done again in this process, so that errors are the same with and without workers. Only an image
that ends its worker (a crash of a decoder, a limit of memory or time) is not: it is tried once more alone, and then reported.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import torch

from harness.core.edge.processes import cores, nothing_to_repeat
from harness.core.errors import ConfigError, ImageError
from harness.models._images.image_inputs import ImageInputs, from_bytes, to_bytes

Process = Callable[[Path], ImageInputs]
Made = tuple[bytes | None, list[str]]  # an image, None where this process has to look itself; what a worker logged
ON_A_GPU = 4  # workers: an any-resolution image takes some 40 ms of a core, an H100 asks for 100 a second
AHEAD, AHEAD_BYTES = 64, 512 << 20  # made and not yet taken, at most
MOST_WORKERS = 256
LONGEST_S = 120  # of one image, which takes well under a second; the largest that are read take some 10
CHECKPOINT_MODULES = (  # what a process that opens a checkpoint imports; transformers leaves the last two to the first one
    *("harness.models.transformers", "transformers.modeling_utils", "transformers.models.auto.processing_auto"),
)
ENDED = "ends the process that reads it (a damaged file, or too little memory). Fetch it again or leave it out."
_log = logging.getLogger("harness")


def workers_for(wanted: int | None, device: torch.device) -> int:
    """The number of workers: `wanted`, or where it is None four on a GPU and none elsewhere. Raises ConfigError below 0 and for
    more than any machine has cores."""
    if wanted is not None and not 0 <= wanted <= MOST_WORKERS:
        raise ConfigError(
            f"model.image_workers is {wanted:,}; give how many processes read images, up to {MOST_WORKERS}, or 0 for none."
        )
    if multiprocessing.current_process().daemon:  # one of several processes of a run: it may start no others
        return 0
    if wanted is None:
        beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes that train together on this machine
        return min(ON_A_GPU, (cores() - 1) // beside) if device.type == "cuda" else 0
    return wanted


class ImageWorkers:
    """A pool of `size` processes, started when images are first expected.

    make: builds what processes an image, in each worker; it has to be picklable.
    """

    def __init__(self, make: Callable[[], Process], size: int) -> None:
        self._make, self._size = make, size
        self._pool: ProcessPoolExecutor | None = None
        self._careful: ProcessPoolExecutor | None = None  # of one worker, for images that may end it
        self._ready: list[Future[None]] = []
        self._waiting: deque[Path] = deque()
        self._under_way: dict[Path, Future[Made]] = {}
        self._suspects: set[Path] = set()
        self._bytes = 0  # of the last image
        self._works = True

    def expect(self, paths: Iterable[Path]) -> None:
        """These are taken next, in this order."""
        if not self._works:
            return
        wanted = dict.fromkeys(paths)
        for path in [path for path in self._under_way if path not in wanted]:
            self._under_way.pop(path).cancel()
        self._waiting = deque(path for path in wanted if path not in self._under_way)
        if self._waiting and self._pool is None:
            self._start()
        self._begin()

    def take(self, path: Path) -> ImageInputs | None:
        """The image, made ahead or waited for; None where this process has to make it.

        Raises ImageError for one that ends its worker.
        """
        if not self._works:
            return None
        future = self._under_way.pop(path, None)
        try:
            if path in self._suspects:
                return self._alone(path)
            return None if future is None else self._read(future.result())
        except BrokenExecutor:
            return self._after_an_end(path)
        finally:
            self._begin()

    # ------------------------------------------------------------ the pool

    def _start(self) -> None:
        self._pool = _pool(self._make, self._size)
        with nothing_to_repeat():  # the processes start with what is submitted first
            self._ready = [self._pool.submit(_nothing) for _ in range(self._size)]
        weakref.finalize(self, _end, self._pool)

    def _begin(self) -> None:
        """As many images as may be under way."""
        most = max(self._size + 1, min(AHEAD, AHEAD_BYTES // max(self._bytes, 1)))
        while self._pool is not None and self._waiting and len(self._under_way) < most:
            path = self._waiting.popleft()
            if path not in self._suspects:
                try:
                    self._under_way[path] = self._pool.submit(_work, path)
                except (BrokenExecutor, RuntimeError):
                    return  # noticed when an image is taken

    def _read(self, made: Made) -> ImageInputs | None:
        data, notes = made
        for note in notes:
            _log.warning("%s", note)
        if data is None:
            return None
        self._bytes = len(data)
        return from_bytes(data)

    # ------------------------------------------------------------ images that end a worker

    def _after_an_end(self, path: Path) -> ImageInputs | None:
        """A new pool; what the workers had in hand when one ended is tried alone when it is taken."""
        lost = [path, *(p for p, future in self._under_way.items() if not future.done() or future.exception() is not None)]
        if not any(ready.done() and ready.exception() is None for ready in self._ready):
            self._give_up("none came up")
            return None
        self._suspects |= set(lost[: self._size + 1])  # they are worked on in order
        self._under_way = {p: future for p, future in self._under_way.items() if p not in lost}
        self._waiting.extendleft(reversed([p for p in lost if p not in self._suspects]))
        self._start()
        return self._alone(path)

    def _alone(self, path: Path) -> ImageInputs | None:
        if self._careful is None:
            self._careful = _pool(self._make, 1)
            weakref.finalize(self, _end, self._careful)
            with nothing_to_repeat():
                begun = self._careful.submit(_nothing)
            try:
                begun.result()
            except BrokenExecutor:
                self._give_up("a new one did not come up")
                return None
        try:
            return self._read(self._careful.submit(_work, path).result())
        except BrokenExecutor:
            self._careful = None
            raise ImageError(path, ENDED) from None

    def _give_up(self, why: str) -> None:
        """From now on this process reads all images."""
        self._works = False
        self._waiting.clear()
        self._under_way.clear()
        _log.warning(
            "The image workers ended (%s); images are read in the main process. model.image_workers=0 avoids this.", why
        )


def import_ahead(wanted: int | None, device: torch.device) -> None:
    """Let the server that workers are forked from begin its imports now, while this process loads weights."""
    if workers_for(wanted, device) and sys.platform == "linux":
        multiprocessing.get_context("forkserver").set_forkserver_preload(list(CHECKPOINT_MODULES))
        with nothing_to_repeat():
            forkserver.ensure_running()


def _pool(make: Callable[[], Process], size: int) -> ProcessPoolExecutor:
    """Never by fork: torch's threads would not be there in the copy."""
    context: Any = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
    return ProcessPoolExecutor(size, context, _prepare, (make,))


def _end(pool: ProcessPoolExecutor) -> None:
    pool.shutdown(wait=False, cancel_futures=True)


# ---------------------------------------------------------------- in a worker


class _Worker:
    """What a worker process holds."""

    process: Process | None = None
    notes: list[str]


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _Worker.notes.append(record.getMessage())


def _prepare(make: Callable[[], Process]) -> None:
    """Ctrl-C is for the main process, which ends its workers; one that is killed takes them along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process
    parent: Any = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    torch.set_num_threads(1)
    _Worker.notes = []
    logging.getLogger("harness").addHandler(_Notes(logging.WARNING))
    _Worker.process = make()


def _nothing() -> None:
    """Its end says that a worker is up."""


def _work(path: Path) -> Made:
    assert _Worker.process is not None
    signal.alarm(LONGEST_S)
    try:
        data = to_bytes(_Worker.process(path))
    except Exception:  # the main process finds it again, with its own words
        data = None
    finally:
        signal.alarm(0)
    notes, _Worker.notes = _Worker.notes, []
    return data, notes
