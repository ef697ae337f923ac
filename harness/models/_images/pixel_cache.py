"""Processed images on disk, by content: file, processor settings and the versions that pixels depend on name an entry.

Several processes may use one folder: an entry is written beside its place and renamed. What is read is compared with its
checksum; a damaged entry is reported and made again.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.core.digests import file_digest, value_digest
from harness.core.edge.images import DECODING
from harness.models._checkpoint.families import Family
from harness.models._images.image_inputs import ImageInputs, ImageProcessing, from_bytes, to_bytes

_VERSION = 1  # raise it whenever an entry could hold something else
_LIBRARIES = ("transformers", "pillow", "numpy", "torch")
_SUFFIX, _PART = ".pixels", ".part"
_LOOK_EVERY = 16  # entries written by this process until it counts again what others wrote
_LEFT_OVER_S = 3600.0  # a half-written entry of this age belongs to a process that ended
_log = logging.getLogger("harness")


def cache_folder() -> Path | None:
    """Where entries lie: the user's cache folder, None for a user without one (an id in a container).

    A relative XDG_CACHE_HOME does not count, as the XDG specification says.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        base = named if named.is_absolute() else Path.home() / ".cache"
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return None
    return base / "mm-align-harness" / "pixels"


class PixelCache:
    """Path -> `ImageInputs`, from the folder where they are known, else from `process` and then kept.

    most: bytes of all entries together; beyond it those that were not used for the longest time are removed.
    """

    def __init__(self, process: ImageProcessing, settings: str, folder: Path, most: int) -> None:
        self._process, self._settings, self._folder, self._most = process, settings, folder, most
        self._written = 0
        self._works = True

    def __call__(self, path: Path) -> ImageInputs:
        """Raises ImageError for a file that cannot be read."""
        try:
            entry = self._folder / f"{value_digest([self._settings, file_digest(path)])}{_SUFFIX}"
        except OSError:
            return self._process(path)  # which says what is wrong
        found = self._read(entry)
        if found is None:
            found = self._process(path)
            self._write(entry, found)
        return found

    def _read(self, entry: Path) -> ImageInputs | None:
        try:
            data = entry.read_bytes()
        except OSError:
            return None
        try:
            if zlib.crc32(memoryview(data)[4:]) == int.from_bytes(data[:4], "big"):
                os.utime(entry)  # used now
                return from_bytes(data[4:])
        except Exception:  # safetensors raises what it likes
            pass
        _log.warning("The cached pixels %s are damaged; the image is processed again.", entry)
        return None

    def _write(self, entry: Path, made: ImageInputs) -> None:
        if not self._works:
            return
        data = to_bytes(made)
        part = entry.with_name(f".{entry.stem}.{os.getpid()}{_PART}")
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(zlib.crc32(data).to_bytes(4, "big") + data)
            part.replace(entry)
            if self._written % _LOOK_EVERY == 0:
                self._make_room()
            self._written += 1
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            self._works = False
            _log.warning("Pixels cannot be kept in %s (%s); nothing is written there from now on.", entry.parent, error)

    def _make_room(self) -> None:
        """Remove what was not used for the longest time, and what processes that ended left half-written."""
        entries, total = [], 0
        with os.scandir(self._folder) as files:
            for file in files:
                try:
                    state = file.stat()
                except OSError:  # another process removed it
                    continue
                if file.name.endswith(_PART) and time.time() - state.st_mtime > _LEFT_OVER_S:
                    Path(file.path).unlink(missing_ok=True)
                elif file.name.endswith(_SUFFIX):
                    entries.append((state.st_mtime_ns, file.path, state.st_size))
                    total += state.st_size
        for _, path, size in sorted(entries):
            if total <= self._most:
                break
            Path(path).unlink(missing_ok=True)
            total -= size


def settings_of(process: ImageProcessing, family: Family, image_token_id: int, source: Path) -> str:
    """Digest of all that pixels and placeholders depend on beside the image; the checkpoint's own code by content."""
    processor: Any = process.processor
    parts = [type(part).__name__ for part in (processor, processor.image_processor)]
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    code = {path.name: file_digest(path) for path in sorted(source.glob("*.py"))}
    said = [processor.to_dict(), processor.image_processor.to_dict(), process.token, process.placeholder, image_token_id]
    return value_digest([_VERSION, DECODING, family.name, parts, said, versions, code])
