"""Files and folders that are whole or not there: written beside their place, flushed to the disk, then renamed."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from glob import escape
from pathlib import Path

from harness.core.edge.foreign import system_errors


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary neighbour of `path`, then put it in the place of `path`.

    After a kill or a power cut the old file is there, or the new one, whole. Processes that write the same path at the
    same time do not mix: the last one to finish wins. Raises OSError for what the system refuses, a full disk, say.
    A device or a pipe (/dev/null, /dev/stdout) is written into: as root it would be replaced by a file, for all of the machine.
    """
    if _is_stream(path):
        _write_into(path, write)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with system_errors(path, temporary):
            write(temporary)
            _flush(temporary)
            temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


_OPEN_FILES = ("/dev/std", "/dev/fd/", "/proc/")  # names of files that are open, whatever they are


def _is_stream(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return str(path.absolute()).startswith(_OPEN_FILES) or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _write_into(path: Path, write: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as folder, open(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as stream:
        made = Path(folder) / "made"
        with system_errors(path):
            write(made)
        with made.open("rb") as file:
            shutil.copyfileobj(file, stream)


def write_text_whole(path: Path, text: str) -> None:
    """`write_whole` of a text in UTF-8, line ends as they are; see `storable` for lone surrogates."""
    write_whole(path, lambda p: p.write_bytes(storable(text).encode("utf-8")))


def storable(text: str) -> str:
    """The text with "?" for lone surrogates: a model can write them, UTF-8 (a file, SQLite) cannot hold them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def write_folder_whole(folder: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write the files of a temporary neighbour, then put it in the place of `folder`; for one writer only."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # what an earlier kill left
    with system_errors(folder, part):
        part.mkdir(parents=True)
    try:
        with system_errors(folder, part):
            fill(part)
        for path in part.iterdir():
            _flush(path)
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
        _flush(folder.parent)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _flush(path: Path) -> None:
    """Have the disk keep a file's bytes, or a folder's names where the file system can do that."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():  # some network file systems refuse it for folders
            raise
    finally:
        os.close(handle)


def _remove_leftovers(path: Path) -> None:
    """Temporary neighbours of processes that were killed: a training state can be gigabytes."""
    for left in path.parent.glob(f".{escape(path.name)}.*.part"):
        pid = left.name.split(".")[-2]
        if pid.isdigit() and not _is_alive(int(pid)):
            left.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
