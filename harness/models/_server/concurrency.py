"""Many requests to one server at a time, in an order that uses its prefix cache."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")
Result = tuple[int, T | Exception]

_LOOK_AGAIN_S = 0.02  # while more could be begun: a request that waits for its next try makes room without a word
_LOOK_S = 1.0  # while nothing could
SILENT_S, SAY_EVERY_S = 60.0, 120.0  # without a reply: when it is said first, and how often then


def ask_all(
    groups: Sequence[Sequence[int]],
    ask: Callable[[int], T],
    allowed: Callable[[], int],
    silent: Callable[[float, int], None] = lambda waited_s, under_way: None,
) -> Iterator[list[tuple[int, T]]]:
    """Yield (index, result) as they come; `allowed` says how many may be under way now.

    `silent` hears for how many seconds none has ended and how many are under way, after SILENT_S and then every SAY_EVERY_S.
    A group's members share a prefix (the image). Its first goes ahead, for a server keeps a prefix only once it
    has computed it; the others follow before any further group is begun. What `ask` raises is raised here, after the requests
    under way have ended: their results are paid for. The threads are daemons: a server that hangs does not keep a stopped
    command from ending.
    """
    fresh = deque(deque(group) for group in groups if group)
    ready: deque[int] = deque()
    followers: dict[int, deque[int]] = {}
    threads: _RequestThreads[T] = _RequestThreads(ask)
    silence = Silence(silent)
    error: Exception | None = None
    try:
        while fresh or ready or threads.under_way:
            while (ready or fresh) and threads.under_way < allowed():
                if not ready:
                    group = fresh.popleft()
                    ready.append(group.popleft())
                    followers[ready[0]] = group
                threads.begin(ready.popleft())
            started = time.monotonic()
            done = threads.finished(_LOOK_AGAIN_S if ready or fresh else _LOOK_S)
            silence.waited(time.monotonic() - started, ended=len(done), under_way=threads.under_way)
            for index, _ in done:
                ready.extend(followers.pop(index, ()))
            error = error or next((result for _, result in done if isinstance(result, Exception)), None)
            if error is not None:
                fresh.clear()
                ready.clear()
            if good := [(index, result) for index, result in done if not isinstance(result, Exception)]:
                yield good
        if error is not None:
            raise error
    finally:
        threads.stop()


class Silence:
    """Seconds of waiting in which no request ended; the caller's work on results does not count."""

    def __init__(self, say: Callable[[float, int], None]) -> None:
        self._say, self._waited_s, self._next_s = say, 0.0, SILENT_S

    def waited(self, seconds: float, ended: int, under_way: int) -> None:
        if ended:
            self._waited_s, self._next_s = 0.0, SILENT_S
            return
        self._waited_s += seconds
        if self._waited_s >= self._next_s:
            self._next_s += SAY_EVERY_S
            self._say(self._waited_s, under_way)


class _RequestThreads(Generic[T]):
    """A pool of threads that send requests; as many as were ever needed at once."""

    def __init__(self, ask: Callable[[int], T]) -> None:
        self._ask = ask
        self._todo: SimpleQueue[int | None] = SimpleQueue()
        self._done: SimpleQueue[Result[T]] = SimpleQueue()
        self._size = self.under_way = 0

    def begin(self, index: int) -> None:
        self.under_way += 1
        if self.under_way > self._size:
            self._size += 1
            threading.Thread(target=self._work, daemon=True).start()
        self._todo.put(index)

    def finished(self, wait_s: float) -> list[Result[T]]:
        """All that are ready, after a wait for the first of them; none where the wait is over."""
        found: list[Result[T]] = []
        try:
            found.append(self._done.get(timeout=wait_s))
            while True:
                found.append(self._done.get_nowait())
        except Empty:
            self.under_way -= len(found)
            return found

    def stop(self) -> None:
        """Let go of who asks, which is a model that may hold its server, at once: a thread may end later."""
        self._ask = _stopped
        for _ in range(self._size):
            self._todo.put(None)

    def _work(self) -> None:
        while (index := self._todo.get()) is not None:
            try:
                self._done.put((index, self._ask(index)))
            except Exception as error:
                self._done.put((index, error))


def _stopped(index: int) -> NoReturn:
    raise RuntimeError(f"request {index} was not begun before the others were stopped")
