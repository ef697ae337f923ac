"""The folder of one run: its lock, and files that are there whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.core.edge.foreign import words_of
from harness.core.errors import RunLocked, StoreError
from harness.storage.migrations import STEPS

FLEET_FILE = "fleet.json"  # of the output folder, while a fleet answers


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder. Raises RunLocked, naming the process, when another one has it, and StoreError where the file
    system has no locks.

    The lock is the operating system's, so it goes with the process, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    blocked = [name for name in ("lock", "run.yaml") if (folder / name).is_dir()]
    if blocked:
        raise StoreError(
            f"{folder / blocked[0]} is a folder where a file belongs. Move it away and run the same command again."
        )
    with (folder / "lock").open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunLocked(
                f"Process {holder(folder)} works in {folder}. Wait for it to end, or start another run with another `name=`."
            ) from error
        except OSError as error:
            raise StoreError(
                f"The file system of {folder} refuses locks ({words_of(error)}), without which two processes could write into "
                "one run. Have it mounted with them (Lustre: `-o flock`; NFS: its lock service), or choose another `--output`."
            ) from error
        handle.truncate(0)
        handle.write(f"{os.getpid()} schema {len(STEPS)}")  # 0.1.0 wrote the process alone
        handle.flush()
        yield


def is_held(folder: Path) -> bool:
    """Whether a living process holds a run's folder, or may: where the file system has no locks, that cannot be known."""
    try:
        with (folder / "lock").open("r", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return True
            return False
    except OSError:
        return False  # no folder, no lock, no process


def holder(folder: Path) -> str:
    """The id of the process that holds a run's folder, or held it last, as far as it is known."""
    return _written(folder / "lock")[0] or "unknown"


def held_by_older(output: Path) -> list[Path]:
    """The run folders that living processes hold which know an older schema of the store, as far as their locks tell."""
    return [lock.parent for lock in sorted(output.glob("*/lock")) if _written(lock)[1] < len(STEPS) and _is_locked(lock)]


def _written(lock: Path) -> tuple[str, int]:
    """(process, schema of the store that it knows) of a lock; ("", 0) where it does not tell."""
    try:
        process, _, known = lock.read_text(encoding="utf-8").partition(" schema ")
        return process.strip(), int(known or 0)
    except (OSError, ValueError):
        return "", 0


def _is_locked(lock: Path) -> bool:
    """Whether a process holds it for sure: unlike `is_held`, not where the file system has no locks."""
    try:
        with lock.open("r", encoding="utf-8") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def read_json(path: Path) -> Any:  # Any: a JSON value
    """The value of a JSON file, None where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
