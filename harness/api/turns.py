"""Calls of the Python interface that share a process: one computes at a time, and what they set of the process is put back."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from harness.config.schema import RunConfig

# What calls set where the user has not, for libraries that read it when they are imported or first compute: `startup.start`
# the first two, `models._device.onednn_linear` the others.
SET_BY_CALLS = ("OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")

CALLBACK_S = 300.0  # a progress callback that takes longer may wait for the one who waits for its call
_LOOKS_EVERY = 1.0  # seconds
P = ParamSpec("P")
T = TypeVar("T")


class _Calls:
    """The calls that run in this process: the turn of the one that computes, and how many there are."""

    def __init__(self) -> None:
        self.turn = threading.RLock()  # a progress callback may call again
        self.lock, self.running = threading.Lock(), 0
        self.before: Mapping[str, str | None] = {}
        self.in_callbacks = dict[int, float]()  # thread in which a progress callback works -> since when, by `monotonic`
        self.threads = self.parents_threads = 1  # most that torch computed with in a call, here and in a process forked from


_calls = _Calls()


def _begin_anew() -> None:
    """In a forked process no call runs, whatever other threads of its parent were doing."""
    global _calls
    parent, _calls = _calls, _Calls()
    _calls.parents_threads = max(parent.threads, parent.parents_threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


@contextmanager
def environment_put_back() -> Iterator[None]:
    """Environment variables of `SET_BY_CALLS` are as before when the last call that runs in any thread has ended."""
    calls = _calls
    with calls.lock:
        if not calls.running:
            calls.before = {name: os.environ.get(name) for name in SET_BY_CALLS}
        calls.running += 1
    try:
        yield
    finally:
        with calls.lock:
            calls.running -= 1
            for name in [name for name, old in calls.before.items() if old is None and not calls.running]:
                os.environ.pop(name, None)


@contextmanager
def in_turn(say: Callable[[str], None]) -> Iterator[None]:
    """Inside, no other thread's call computes: torch's random state and settings are the process's, and transformers replaces
    functions of its own while it opens a checkpoint, so that each of two would find the weights of both incomplete.

    say: is told where this call waits. Raises HarnessError in a process that was forked from one in which a call computed with
    several threads: they are not there, and torch would wait for them without end.
    """
    if _calls.parents_threads > 1:
        raise HarnessError(
            "This process was forked from one that has computed with several threads, which do not come along: torch would "
            "wait for them without end. Start it by `multiprocessing.get_context('spawn')`, or fork before the first call."
        )
    turn = _calls.turn
    if not turn.acquire(blocking=False):
        say("waiting for another call in this process; start processes of their own to work side by side")
        while not turn.acquire(timeout=_LOOKS_EVERY):
            _require_moving()
    try:
        with _computes():
            yield
    finally:
        turn.release()


@contextmanager
def _computes() -> Iterator[None]:
    """A callback that calls again is not one that waits: the call inside may take hours, and has callbacks of its own."""
    calls, thread = _calls, threading.get_ident()
    outer = calls.in_callbacks.pop(thread, None)
    try:
        yield
    finally:
        if outer is not None:
            calls.in_callbacks[thread] = time.monotonic()


def _require_moving() -> None:
    """Raise HarnessError where the progress callback of the call that computes has not come back for long."""
    waits = [time.monotonic() - since for since in list(_calls.in_callbacks.values())]
    if waits and max(waits) > CALLBACK_S:
        raise HarnessError(
            f"Another call in this process computes, and its progress callback has not come back for {max(waits):.0f} s. A "
            "callback that waits for a call in another thread would wait without end, since one call computes at a time: make "
            "that call in the callback itself, or after it."
        )


def watched(callback: Callable[P, T]) -> Callable[P, T]:
    """The same function, which notes while it works, so that who waits for its call can tell."""

    def call(*args: P.args, **named: P.kwargs) -> T:
        calls, thread = _calls, threading.get_ident()
        before = calls.in_callbacks.get(thread)  # of a callback that calls again
        calls.in_callbacks[thread] = time.monotonic()
        try:
            return callback(*args, **named)
        finally:
            if before is None:
                del calls.in_callbacks[thread]
            else:
                calls.in_callbacks[thread] = before

    return call


def note_threads(number: int) -> None:
    """A call computes with so many threads of torch."""
    _calls.threads = max(_calls.threads, number)


def only_asks(config: RunConfig) -> bool:
    """Whether nothing but servers answers, so that calls in several threads may go on side by side."""
    return bool(config.model.options.get("url")) and not (
        config.arms or config.reward_models or any(one.judge for one in config.sweep)
    )
