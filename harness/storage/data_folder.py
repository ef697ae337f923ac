"""The data folder: where benchmarks and sources read the official files. The only network access for data.

Every name is relative to the folder. What is costly to derive (parsed annotations) is kept in a cache folder by a key
that holds the digests of the files it came from, so it can never be stale.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.core.digests import file_digest, file_state, text_digest
from harness.core.edge.files import FETCH, instead_of_file, is_file, read_text
from harness.core.edge.launch import command_line
from harness.core.errors import DataError
from harness.core.files import write_text_whole
from harness.storage.remembered_digests import RememberedDigests

_DIGESTS = "file_digests.json"  # digests.json, of older versions, did not see every change
_LARGE = 1 << 20  # bytes from which hashing again costs more than remembering


class DataFolder:
    """The contract's `Data` over a folder of files."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        if not folder.is_dir():
            raise DataError(
                f"There is no data folder at {folder}. Name another: `data: FOLDER` in a study, `data=FOLDER` (or "
                "`--data FOLDER`, where the command has it) on the command line; `miniworld` is the embedded world."
            )
        self._folder = folder
        self._cache = cache if cache is not None else folder / ".cache"
        self._digests = RememberedDigests(self._cache / _DIGESTS)

    @property
    def folder(self) -> Path:
        return self._folder

    def has(self, name: str) -> bool:
        return is_file(self._folder / name)

    def path(self, name: str) -> Path:
        """Path of a file. Raises DataError with what is missing and how to get it."""
        path = self._folder / name
        if not is_file(path):
            if found := instead_of_file(path):
                raise DataError(f"{name[:200]} in the data folder {self._folder} {found}. Put the file there.")
            raise DataError(f"{name[:200]} is not in {self.where_files_belong()}")
        return path

    def where_files_belong(self) -> str:
        """The folder, and how a file that is missing gets there."""
        return (
            f"the data folder {self._folder}. Put a file of your own there, or correct its name. "
            f"Official files: `{command_line('fetch', 'NAME', '--data', self._folder)}`, with the name of the "
            "benchmark or source, brings them, or reports where each comes from and belongs."
        )

    def read_text(self, name: str) -> str:
        return read_text(self.path(name), FETCH)

    def digest(self, name: str) -> str:
        """sha256 of a file; read again when its state (`file_state`) changed. Large ones are remembered across runs."""
        path = self.path(name)
        now = file_state(path)
        return self._digests.digest(str(path.resolve()), now, lambda: file_digest(path), lasting=now[0] >= _LARGE)

    def cached(self, key: str, make: Callable[[], Any]) -> Any:  # Any: a JSON value
        """A JSON-able value kept on disk by key; made again where the cache cannot be read or written."""
        path = self._cache / f"{text_digest(key)[:32]}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            value = make()
        self._write(path.name, value)
        return value

    def _write(self, name: str, value: Any) -> None:
        """Whole or not at all; a folder that cannot be written to only costs time."""
        with contextlib.suppress(OSError):
            write_text_whole(self._cache / name, json.dumps(value))


def download(url: str, store: Path) -> Path:
    """Fetch `url` into the folder `store`, whole or not at all; a file that exists is not fetched again.

    Raises DataError with the reason where it cannot be had.
    """
    import pooch
    import requests

    told = pooch.get_logger()  # of the whole process: a notebook's own downloads say what they did
    level = told.level
    told.setLevel("WARNING")
    try:
        return Path(pooch.retrieve(url, known_hash=None, path=store, fname=text_digest(url)[:16]))
    except requests.ConnectionError as error:  # its text is a page long
        raise DataError(f"{urlsplit(url).netloc} cannot be reached.") from error
    except (requests.RequestException, OSError) as error:
        raise DataError(f"It could not be fetched: {error}.") from error
    finally:
        told.setLevel(level)


def unpack(archive: Path, member: str, place: Path) -> None:
    """Put one member of a zip archive at `place`, whole or not at all; a folder, if `member` ends in a slash.

    Raises DataError where `archive` is not a zip file or has no such member.
    """
    half = archive.with_name(f"{place.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [n for n in opened.namelist() if n == member or (member.endswith("/") and n.startswith(member))]
            opened.extractall(half, names)  # keeps every name inside `half`
        (half / member).rename(place)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{member} could not be unpacked ({type(error).__name__}: {error}).") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
