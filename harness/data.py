"""The data folder: where benchmarks and sources read the official files. The only network access for data.

Every name is relative to the folder. What is costly to derive (parsed annotations) is kept in a cache folder by a key
that holds the digests of the files it came from, so it can never be stale.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.digests import file_digest, text_digest
from harness.errors import DataError


class DataFolder:
    """The contract's `Data` over a folder of files."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        if not folder.is_dir():
            raise DataError(
                f"There is no data folder at {folder}. Set `data:` to it, or to `miniworld` for the embedded world."
            )
        self._folder = folder
        self._cache = cache if cache is not None else folder / ".cache"
        self._digests: dict[Path, tuple[int, int, str]] = {}

    @property
    def folder(self) -> Path:
        return self._folder

    def has(self, name: str) -> bool:
        return (self._folder / name).is_file()

    def path(self, name: str) -> Path:
        """Where a file lies. Raises DataError with what is missing and how to get it."""
        path = self._folder / name
        if not path.is_file():
            raise DataError(
                f"{name} is not in the data folder {self._folder}. "
                "`python -m harness list data` tells which file comes from where and under which licence."
            )
        return path

    def read_text(self, name: str) -> str:
        try:
            return self.path(name).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"{name} is not UTF-8 text ({error}). Fetch it again.") from error

    def digest(self, name: str) -> str:
        """sha256 of a file; read again when its size or time changed."""
        path = self.path(name)
        stat = path.stat()
        known = self._digests.get(path)
        if known is None or known[:2] != (stat.st_size, stat.st_mtime_ns):
            known = (stat.st_size, stat.st_mtime_ns, file_digest(path))
            self._digests[path] = known
        return known[2]

    def cached(self, key: str, make: Callable[[], Any]) -> Any:
        """A JSON-able value kept on disk by key; made again where the cache cannot be read or written."""
        path = self._cache / f"{text_digest(key)[:32]}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            value = make()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_suffix(f".{os.getpid()}.half")
            half.write_text(json.dumps(value), encoding="utf-8")
            half.replace(path)
        except OSError:
            pass  # a read-only data folder only costs time
        return value
