"""Starting processes of Python from a process of whatever kind: a command, a notebook, a script without a guard."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def nothing_to_repeat() -> Iterator[None]:
    """multiprocessing imports the caller's script in each process it starts, which would run one without a guard again."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def give_back_memory() -> None:
    """Return what this process has freed to the system, which glibc alone does not do before the end of a long idle time."""
    gc.collect()
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library
        return
    trim(0)
