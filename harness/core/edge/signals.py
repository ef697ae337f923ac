"""Signals that end a command: Ctrl-C, SIGTERM (kill, Slurm, Kubernetes) and SIGHUP (a closed terminal) alike."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any] | signal.Handlers  # Any: what a handler returns is not used

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal other than Ctrl-C asked the command to end; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise `Interrupted`, as Ctrl-C raises KeyboardInterrupt. An ignored one (nohup) stays so."""
    with _handled({number: _raise for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL}):
        yield


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM end the process at once: for calls of libraries during which Python's handlers do not run."""
    is_main = threading.current_thread() is threading.main_thread()  # others may not change handlers
    ending = (signal.SIGINT, *_ENDING) if is_main else ()
    with _handled({number: signal.SIG_DFL for number in ending if signal.getsignal(number) is not signal.SIG_IGN}):
        yield


@contextmanager
def silent_behind() -> Iterator[None]:
    """Behind it Ctrl-C ends the process without a word: everything is said, and Python, which is on its way out, would show a
    traceback of whatever it closes. Inside, and in an interactive Python, which goes on, it raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():  # others may not change handlers
        yield
        return
    if _silenced and signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # by a command before this one
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _silenced.clear()
    try:
        yield
    finally:
        # else it is ignored, or somebody else's
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler and not hasattr(sys, "ps1"):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            _silenced.append(True)


_silenced: list[bool] = []  # not empty: `silent_behind` has set what Ctrl-C does


@contextmanager
def _handled(handlers: Mapping[signal.Signals, Handler]) -> Iterator[None]:
    """Inside, these handlers in the place of those that are set."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(stopped: KeyboardInterrupt) -> int:
    """As a shell gives it: 128 and the signal's number."""
    return 128 + (stopped.number if isinstance(stopped, Interrupted) else signal.SIGINT)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)
