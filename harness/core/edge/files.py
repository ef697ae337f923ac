"""Untrusted text and JSON files, with errors that name file, line and what to do."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.core.edge.foreign import words_of
from harness.core.edge.text import shown, without_surrogates
from harness.core.errors import DataError

IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"))
_SLASH = re.compile(r"[/\\]")
FETCH = "Fetch it again."  # advice about a published file
_POINTER = "version https://git-lfs"
_PACKED = {  # how files begin that are no text, and what to do with them
    b"PK\x03\x04": "an Excel file or a zip archive, which is not read. Save the sheet as CSV or TSV, or unpack the archive",
    b"\xd0\xcf\x11\xe0": "an Excel file, which is not read. Save the sheet as CSV or TSV",
    b"PAR1": "a Parquet file, which is not read. Write its rows as JSON lines",
    b"\x1f\x8b": "packed with gzip. Unpack it",
    b"BZh": "packed with bzip2. Unpack it",
    b"\x28\xb5\x2f\xfd": "packed with Zstandard. Unpack it",
    b"\xfd7zXZ": "packed with xz. Unpack it",
}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def is_file(path: Path) -> bool:
    """Whether there is such a file; False for names that no file can have (5,000 characters, a null)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; False for names that none can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def expanded(path: str | Path) -> Path:
    """With the home folder in the place of `~`; `~name` of a user that is not there stays, where `Path.expanduser` raises."""
    return Path(os.path.expanduser(path))


def unknown_home(path: str | Path) -> str:
    """What to say of a path in the home of a user that is not there; "" of all others."""
    if not str(path).startswith("~") or not str(expanded(path)).startswith("~"):
        return ""
    return f"{path} begins with the home of a user that this machine does not know. Write the path out."


def leaves_folder(name: str) -> bool:
    """Whether a name in a file leads out of the folder that it is relative to: by `..`, or because it is absolute."""
    return name.startswith(("/", "\\")) or ".." in _SLASH.split(name)


def outside_text(image: str) -> str:
    """What to say of an image whose name leads out of the data folder; `image`: the name as it is shown."""
    return (
        f"the image {image} is outside of the data folder, where names begin; link its folder into the data folder and name it "
        "without '..' and without '/' in front"
    )


def instead_of_file(path: Path) -> str:
    """What stands in the place of a file, as the end of a sentence; "" where nothing does."""
    try:
        if path.is_dir():
            return "is a folder, not a file"
        if path.is_symlink() and not os.path.exists(path):
            if _is_loop(path):
                return "is a loop of links"
            return f"is a link to {os.readlink(path)}, which is not there"
        return "is a pipe or a device, not a file" if path.exists() else ""
    except (OSError, ValueError):
        return ""


def _is_loop(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def read_text(path: Path, advice: str = "") -> str:
    """A file's text as UTF-8, byte order mark taken off. Raises DataError naming it and what is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if text.startswith(_POINTER):
            raise DataError(f"{path} is a Git LFS pointer, not the file. Fetch it with `git lfs pull`, or download it.")
        return text
    except UnicodeDecodeError as error:
        if kind := next((kind for start, kind in _PACKED.items() if error.object.startswith(start)), ""):
            raise DataError(f"{path} is {kind}.") from error
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}, line {line} is not UTF-8 text (byte {error.object[error.start]:#04x}). {advice or 'Save it as UTF-8.'}"
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({words_of(error)}). {advice}".rstrip()) from error


def is_hub_name(path: str) -> bool:
    """Whether a model's path that is no folder may be a name on the hub, `owner/name`."""
    return path.count("/") == 1 and not path.startswith((".", "/", "~"))


def parse_json(text: str, where: str, advice: str = "Fetch the file again or correct it.") -> Any:  # Any: a JSON value
    """A JSON value; lone surrogates, which no file or database takes, become U+FFFD.

    Raises DataError with line and column, for an object that has a key twice with different values, and for nesting or numbers
    beyond all use.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object)
        return without_surrogates(value) if _SURROGATE.search(text) else value
    except json.JSONDecodeError as error:
        place = f"{where}, line {error.lineno}" if "\n" in text else where
        said = f"{error.msg.removesuffix(' at')} at column {error.colno}"
        raise DataError(f"{place} is not JSON ({said}). {advice}".rstrip()) from error
    except _Repeated as error:
        place = f"{where}{_line_of_repeated(text)}" if "\n" in text else where
        raise DataError(f"{place} has {error}. {advice}".rstrip()) from error
    except RecursionError as error:
        raise DataError(f"{where} is not usable JSON: it is nested too deep. {advice}".rstrip()) from error
    except ValueError as error:  # a number of more than 4,300 digits
        raise DataError(f"{where} is not usable JSON: {words_of(error)}. {advice}".rstrip()) from error


class _Repeated(Exception):
    """An object has a key twice, with different values."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        first: dict[str, Any] = {}
        for key, value in pairs:
            if first.setdefault(key, value) != value:
                raise _Repeated(f"the key {shown(key)} twice in one object: {shown(first[key], 40)} and {shown(value, 40)}")
    return found


def _line_of_repeated(text: str) -> str:
    """Where the object with a key twice begins, as ", line 3". Read again, in Python, which knows the place and is slow."""
    from json.decoder import JSONObject  # type: ignore[attr-defined]  # not documented: only what needs it depends on it
    from json.scanner import py_make_scanner  # type: ignore[attr-defined]

    decoder: Any = json.JSONDecoder(object_pairs_hook=_object)  # Any: attributes that its stub lacks
    starts: list[int] = []

    def parse(place: tuple[str, int], *rest: Any) -> Any:  # Any: what the decoder passes on
        try:
            return JSONObject(place, *rest)
        except _Repeated:
            starts.append(place[1])  # the innermost first
            raise

    decoder.parse_object = parse
    decoder.scan_once = py_make_scanner(decoder)
    with suppress(_Repeated, RecursionError):
        decoder.decode(text)
    return "".join(f", line {text.count(chr(10), 0, start) + 1}" for start in starts[:1])


def json_lines(text: str, name: str, advice: str = "Fetch the file again or correct it.") -> Iterable[tuple[str, Any]]:
    """("file, line 3", value) of JSON lines; empty lines are left out. Raises DataError at the first that is not JSON.

    Lines end at line feeds alone: U+2028, U+2029 and U+0085, at which `splitlines` breaks too, may stand inside a text.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"{name}, line {number}"
            yield where, parse_json(line, where, advice)
