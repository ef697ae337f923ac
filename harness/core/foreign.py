"""The edge of the harness: exceptions of loaders, decoders, parsers and other people's plug-ins become our own errors.

What comes in from outside (files, options, replies, checkpoints, plug-ins) may make a library raise anything. Each place that
takes it in does so under `refused_as`, which names the place; beyond it there are our own errors only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.core.errors import DataError, HarnessError

_HARMLESS = "\n\t\u200d"  # the last joins the parts of an emoji
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
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
        if isinstance(error, OSError) and error.errno == 28:  # ENOSPC
            raise
        raise kind(" ".join(filter(None, (f"{where}: {words_of(error)}.", advice)))) from error


def words_of(error: BaseException) -> str:
    """An exception on one short line: what a library says, led by the exception's name where that tells more."""
    said = " ".join(printable(str(error)).split()).rstrip(".")
    said = said if len(said) <= _LONGEST_WORDS else f"{said[:_LONGEST_WORDS]}..."
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, MemoryError):
        return "memory did not suffice"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, KeyError):
        return f"{said} is missing"
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def printable(text: str) -> str:
    """Text without control and escape characters, which a terminal would obey; lone surrogates are replaced too."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _HARMLESS else "\ufffd" for c in text)


def without_surrogates(value: Any) -> Any:
    """The same value with every lone surrogate in its texts replaced by U+FFFD."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [without_surrogates(one) for one in value]
    if isinstance(value, dict):
        return {without_surrogates(name): without_surrogates(one) for name, one in value.items()}
    return value


def read_text(path: Path, advice: str = "") -> str:
    """A file's text as UTF-8, byte order mark taken off. Raises DataError naming it and what is wrong."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}, line {line}: not UTF-8 text (byte {error.object[error.start]:#04x}). {advice or 'Save it as UTF-8.'}"
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({words_of(error)}). {advice}".rstrip()) from error


def parse_json(text: str, where: str, advice: str = "Fetch the file again or mend it.") -> Any:
    """A JSON value; lone surrogates, which no file or database takes, become U+FFFD.

    Raises DataError with line and column, and for nesting or numbers beyond all use.
    """
    try:
        value = json.loads(text)
        return without_surrogates(value) if _SURROGATE.search(text) else value
    except json.JSONDecodeError as error:
        place = f"{where}, line {error.lineno}" if "\n" in text else where
        raise DataError(f"{place} is not JSON ({error.msg} at column {error.colno}). {advice}") from error
    except RecursionError as error:
        raise DataError(f"{where} is not usable JSON: it is nested too deep. {advice}") from error
    except ValueError as error:  # a number of more than 4,300 digits
        raise DataError(f"{where} is not usable JSON: {words_of(error)}. {advice}") from error


def json_lines(text: str, name: str, advice: str = "Fetch the file again or mend it.") -> Iterable[tuple[str, Any]]:
    """("file, line 3", value) of JSON lines; empty lines are left out. Raises DataError at the first that is not JSON.

    Lines end at line feeds alone: U+2028, U+2029 and U+0085, at which `splitlines` breaks too, may stand inside a text.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"{name}, line {number}"
            yield where, parse_json(line, where, advice)
