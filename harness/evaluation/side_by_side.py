"""Several tasks beside each other, in threads that end with the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")
_MOMENT_S = 0.5  # between looks, so that Ctrl-C is noticed


def side_by_side(tasks: Sequence[Callable[[], T | None]], width: int) -> tuple[list[T | None], list[Exception | None]]:
    """Do all tasks, `width` at a time and begun in their order: what each returned, and what each raised.

    Interrupted, it ends at once: tasks under way are left to themselves. With a width of 1 this thread does them.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for place in range(len(tasks)):
        waiting.put(place)
    found, raised = list[T | None]([None] * len(tasks)), list[Exception | None]([None] * len(tasks))
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            try:
                place = waiting.get_nowait()
            except Empty:
                return
            try:
                found[place] = tasks[place]()
            except Exception as error:
                raised[place] = error

    if width == 1:
        work()
        return found, raised
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(width, len(tasks)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(_MOMENT_S)
    finally:
        stop.set()
    return found, raised
