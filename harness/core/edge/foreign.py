"""The edge of the harness: exceptions of loaders, decoders, parsers and other people's plug-ins become our own errors.

What comes in from outside (files, options, replies, checkpoints, plug-ins) may make a library raise anything. Each place that
takes it in does so under `refused_as`, which names the place; beyond it there are our own errors only.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from harness.core.edge.text import printable
from harness.core.errors import HarnessError

_LONGEST_WORDS = 300  # characters of a library's own words that a message repeats


@contextmanager
def refused_as(kind: type[HarnessError], where: str, advice: str = "") -> Iterator[None]:
    """Whatever but our own errors is raised inside becomes `kind`: "{where}: what happened. {advice}".

    Our own errors pass through; so do KeyboardInterrupt and SystemExit, and a full disk, which the commands explain.
    """
    try:
        yield
    except HarnessError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise kind(" ".join(filter(None, (f"{where}: {words_of(error)}.", advice)))) from error


def words_of(error: BaseException) -> str:
    """An exception on one short line: what a library says, led by the exception's name where that tells more."""
    said = " ".join(printable(str(error)).split()).rstrip(".!")
    said = said if len(said) <= _LONGEST_WORDS else f"{said[:_LONGEST_WORDS]}..."
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, MemoryError):
        return "memory did not suffice"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError):
        return f"{said} is missing"
    plain = isinstance(error, (ValueError, ImportError)) and said
    return said if plain else f"{type(error).__name__}: {said}" if said else type(error).__name__
