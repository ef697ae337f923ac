"""Starting processes of Python from a process of whatever kind: a command, a notebook, a script without a guard."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType
from typing import TypeVar

# glibc's limits, in bytes, under the names of their environment variables; `_MALLOPT` holds mallopt's numbers for them.
MALLOC_LIMITS = {"MALLOC_MMAP_THRESHOLD_": 32 << 20, "MALLOC_TRIM_THRESHOLD_": 32 << 20}
_MALLOPT = {"MALLOC_MMAP_THRESHOLD_": -3, "MALLOC_TRIM_THRESHOLD_": -1}

T = TypeVar("T")
_UNTIL_IDLE: list[Callable[[], None]] = []


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def how_it_ended(code: int | None) -> str:
    """How a process ended, behind its name: 'ended with exit code 3', 'was ended by SIGKILL (out of memory?)'.

    A negative code is a signal's number, as `subprocess` and `multiprocessing` give it.
    """
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    name = {number.value: number.name for number in signal.Signals}.get(-code, f"signal {-code}")
    return f"was ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


@contextmanager
def nothing_to_repeat() -> Iterator[None]:
    """Around what starts processes. multiprocessing imports the caller's script in each, which would run one without a guard
    again. And Ctrl-C goes to all processes of a terminal: those started here do not hear it, since this one ends them; before
    they can say so themselves they would write a traceback each."""
    from multiprocessing import resource_tracker  # short commands do without

    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # which lets this thread hear Ctrl-C again
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        sys.modules["__main__"] = script
        if heard is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)


@contextmanager
def without_collecting() -> Iterator[None]:
    """Inside, Python looks for no cyclic garbage: where much is made that stays (imports, stored answers), looking through it
    again and again takes a sixth to a half of the time, the more the more there is."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def imports_that_stay() -> Iterator[None]:
    """The same for imports of libraries; what they made is not looked through afterwards either: a million objects where
    transformers' models are imported, 0.2 s each time. What is garbage before is freed."""
    gc.collect()
    with without_collecting():
        yield
        gc.freeze()


def until_idle(make: Callable[[], T]) -> Callable[[], T]:
    """Made when it is first asked for, and again after `give_back_memory`: large, and there again in a moment."""
    made = lru_cache(maxsize=1)(make)
    _UNTIL_IDLE.append(made.cache_clear)
    return made


def give_back_memory() -> None:
    """For a process that waits: drop what lasts `until_idle`, and return what is free to the system, which glibc alone does
    not do before the end of a long idle time."""
    import ctypes  # takes 10 ms, which short commands do without

    for forget in _UNTIL_IDLE:
        forget()
    gc.collect()
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library
        return
    trim(0)


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, up to 32 MiB, for what is made next: the system clears each new page, which takes CPU
    time. With 256 MiB a sweep takes 3 % less, and a study with two trainings 90 MiB more. What the environment sets stays."""
    import ctypes

    try:
        change = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    for name, size in MALLOC_LIMITS.items():
        if name not in os.environ:
            change(_MALLOPT[name], size)


def end_without_collecting() -> None:
    """Let this process end without a last search for cyclic garbage: Python looks through all that is there twice, 0.7 s where
    transformers' models are imported, and the system takes the memory back anyway."""
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
