"""Many requests to one server at a time, in an order that uses its prefix cache."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")
Result = tuple[int, T | Exception]


def ask_all(groups: Sequence[Sequence[int]], ask: Callable[[int], T], at_once: int) -> Iterator[list[tuple[int, T]]]:
    """Yield (index, result) as they come, `at_once` under way.

    A group's members share a prefix (the image). Its first goes ahead, for a server keeps a prefix only once it
    has computed it; the others follow before any further group is begun. What `ask` raises is raised here. The threads
    are daemons: a server that hangs does not keep a stopped command from ending.
    """
    fresh = deque(deque(group) for group in groups if group)
    ready: deque[int] = deque()
    followers: dict[int, deque[int]] = {}
    todo: SimpleQueue[int | None] = SimpleQueue()
    finished: SimpleQueue[Result[T]] = SimpleQueue()
    workers = min(at_once, sum(len(group) for group in fresh))
    under_way = 0
    for _ in range(workers):
        threading.Thread(target=_work, args=(todo, finished, ask), daemon=True).start()
    try:
        while fresh or ready or under_way:
            while under_way < workers and (ready or fresh):
                if not ready:
                    group = fresh.popleft()
                    ready.append(group.popleft())
                    followers[ready[0]] = group
                todo.put(ready.popleft())
                under_way += 1
            done = _drain(finished)
            under_way -= len(done)
            for index, _ in done:
                ready.extend(followers.pop(index, ()))
            yield [(index, _value(result)) for index, result in done]
    finally:
        for _ in range(workers):
            todo.put(None)


def _work(todo: SimpleQueue[int | None], finished: SimpleQueue[Result[T]], ask: Callable[[int], T]) -> None:
    while (index := todo.get()) is not None:
        try:
            finished.put((index, ask(index)))
        except Exception as error:
            finished.put((index, error))


def _drain(finished: SimpleQueue[Result[T]]) -> list[Result[T]]:
    """At least one result, and all that are ready."""
    found = [finished.get()]
    while True:
        try:
            found.append(finished.get_nowait())
        except Empty:
            return found


def _value(result: T | Exception) -> T:
    if isinstance(result, Exception):
        raise result
    return result
