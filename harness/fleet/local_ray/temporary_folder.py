"""The folder for the files of a Ray that is started here; folders of Rays that were killed are removed at the next start."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from harness.storage.run_folder import is_held, locked

_PREFIX = "harness-ray-"
_SUBFOLDER = "r"  # short: the paths of sockets have to fit in 107 characters
_MIN_AGE_S = 60.0  # of a folder to remove: a new one may not be locked yet


@contextmanager
def temporary_folder(base: Path) -> Iterator[str]:
    """A folder for the files of a Ray, removed afterwards, and with it those whose process is gone without having done so.

    It lies in one of this user's alone: Ray opens its own folder, with sockets and logs, to all users of the machine.
    """
    for old in base.glob(f"{_PREFIX}*"):
        if _is_stale(old):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(mkdtemp(prefix=_PREFIX, dir=base))
    try:
        with locked(folder):
            (folder / _SUBFOLDER).mkdir()
            yield str(folder / _SUBFOLDER)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_stale(folder: Path) -> bool:
    """One of this user's, whose lock no process holds; without a lock its owner is not known."""
    try:
        made = folder.lstat()
        return (
            made.st_uid == os.getuid()
            and (folder / "lock").is_file()
            and time.time() - made.st_mtime > _MIN_AGE_S
            and not is_held(folder)
        )
    except OSError:
        return False
