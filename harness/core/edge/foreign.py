"""The edge of the harness: exceptions of loaders, decoders, parsers and other people's plug-ins become our own errors.

What comes in from outside (files, options, replies, checkpoints, plug-ins) may make a library raise anything. Each place that
takes it in does so under `refused_as`, which names the place; beyond it there are our own errors only.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.core.edge.text import printable
from harness.core.errors import ConfigError, HarnessError

_OF_THE_DISK = (errno.EIO, errno.ESTALE, errno.EDQUOT, errno.EROFS, errno.EFBIG)
_IN_RUST = re.compile(r"\(os error (\d+)\)")
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


@contextmanager
def system_errors(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """What the system refused while `path` was written is an OSError that names it, where it names no other file.

    `temporary`: what is filled first and then put in its place; an error that names it, or a file in it, names that of `path`.

    safetensors raises an error of its own: "Error while serializing: I/O error: No space left on device (os error 28)".
    """
    try:
        yield
    except OSError as error:
        if error.errno and error.filename is None:  # writing into an open file names none
            error.filename = str(path)
        elif temporary is not None and str(error.filename).startswith(str(temporary)):
            error.filename = f"{path}{str(error.filename).removeprefix(str(temporary))}"
        raise
    except Exception as error:
        if found := _IN_RUST.search(str(error)):
            number = int(found[1])
            raise OSError(number, os.strerror(number), str(path)) from error
        raise


def refused_by_system(error: BaseException) -> str:
    """What the operating system refused (a full disk, a path without permission), with what to do; "" for other exceptions."""
    if not isinstance(error, OSError) or isinstance(error, BrokenPipeError):
        return ""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{where}The disk is full. Free some space and run the same command again; nothing stored is lost."
    if error.errno in _OF_THE_DISK:
        return (
            f"{where}A file cannot be read or written: {words_of(error)}. Check the disk or the network drive, your quota "
            "and limits (`ulimit -f`), then run the same command again; nothing stored is lost."
        )
    if error.filename:
        return f"{error.filename}: {words_of(error)}. Check the path and its permissions, then run the same command again."
    return ""


def imported(package: str, not_installed: str) -> Any:  # Any: a module, whatever it has
    """The package. Raises ConfigError: `not_installed` where it is not there, else why it cannot be imported (a package that it
    needs is missing or of another version)."""
    try:
        return import_module(package)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            raise ConfigError(not_installed) from error
        raise ConfigError(
            f"{package} is installed but cannot be imported: {words_of(error)}. Install it again with what it needs: "
            f"`pip install --upgrade {package}`."
        ) from error


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
