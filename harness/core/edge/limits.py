"""A limit of time and memory for what strangers' templates compute in this process."""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STATM = "/proc/self/statm"


@contextmanager
def limited(seconds: float, mib: int) -> Iterator[None]:
    """Inside, TimeoutError comes after `seconds` of the process's CPU time, and MemoryError instead of `mib` MiB more memory.

    Time is limited in the main thread of a Unix process (signals reach no other), memory on Linux; elsewhere there is no limit.
    """
    with _memory(mib), _time(seconds):
        yield


@contextmanager
def _time(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def _memory(mib: int) -> Iterator[None]:
    used = _used()
    if used is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = [limit for limit in (used + (mib << 20), soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(allowed), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _used() -> int | None:
    """Bytes of this process's address space, None where no file says it; read plainly, as it is asked for every prompt."""
    try:
        file = os.open(_STATM, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return int(os.read(file, 64).split()[0]) * resource.getpagesize()
    finally:
        os.close(file)


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError("it takes too long")
