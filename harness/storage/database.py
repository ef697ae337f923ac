"""The SQLite file of the store: opening, migrations, and error messages. The only user of sqlite3.

WAL mode, one transaction a batch: a killed process loses at most the batch in flight. Threads take turns.
Whoever only reads can read a store in a folder where they cannot write (`reading`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.core.digests import file_state
from harness.core.errors import StoreError
from harness.storage.migrations import STEPS
from harness.storage.run_folder import held_by_older, holder

_PATIENCE_S = 30.0
_LOCKING_S = 1.0  # in which a process that takes a lock has long written into it which schema it knows
_GONE = -1
_LONGEST_PATH = 504  # bytes, links followed: SQLite has 512, and appends `-journal`
_READ_ONLY = (
    "you have no permission to write this file or its folder. Copy the folder to a place where you can write and name that "
    "with `--output`; a new run can have any other folder (`output=`)."
)


class Database:
    """Open it as a context manager. Raises StoreError, with what to do, for every SQLite error.

    reading: the caller writes nothing, so a store that cannot be written is opened to be read.
    """

    def __init__(self, path: Path, reading: bool) -> None:
        self.path, self._turn = path, threading.RLock()
        self._seen: tuple[object, ...] | None = None  # the files as an immutable connection found them
        self._reopened = 0
        self._place: tuple[int | None, ...] = ()
        with _explained(path):
            if not _is_read_only(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._db = _connected(path)
                self._use_wal()
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._db.execute("PRAGMA foreign_keys=ON")
                self._migrate()
            elif reading:
                self._open_to_read()
            else:
                raise StoreError(f"The run store {path} cannot be written: {_READ_ONLY}")
        self._place = _place(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._turn:
            self._db.close()

    def _open_to_read(self) -> None:
        """Open a store whose file or folder cannot be written.

        SQLite needs the files `-wal` and `-shm` for a store in WAL mode. Without a `-wal` nobody writes to the store, and it
        can be read as immutable; `rows` opens it again when the files have changed since.
        """
        found, immutable = _signature(self.path), not _is_file(self.path, "-wal")
        self._seen = ()  # until it is open
        try:
            self._db = _connected(f"{self.path.absolute().as_uri()}?{'immutable=1' if immutable else 'mode=ro'}")
            version = self._version()
        except sqlite3.OperationalError as error:
            if immutable or "unable to open" not in str(error):
                raise
            raise StoreError(
                f"The run store {self.path} has changes in {self.path.name}-wal, which can only be read where the folder can "
                "be written. Copy the folder to a place where you can write, and name that with `--output`."
            ) from error
        self._check_known(version)
        if version < len(STEPS):
            raise StoreError(
                f"{self.path} was written by an older mm-align-harness (schema {version}, this one reads {len(STEPS)}) and has "
                f"to be changed first, but it cannot be written: {_READ_ONLY}"
            )
        self._seen = found if immutable else None

    def _use_wal(self) -> None:
        """SQLite refuses the switch at once, without waiting, while another process makes it."""
        started = time.monotonic()
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() - started > _PATIENCE_S:
                    raise
                time.sleep(0.01)

    def _migrate(self) -> None:
        version = self._version()
        self._check_known(version)
        if 0 < version < len(STEPS):
            self._require_nobody_older(version)
        while version < len(STEPS):
            try:
                self._db.executescript(f"BEGIN IMMEDIATE; {STEPS[version]} PRAGMA user_version={version + 1}; COMMIT;")
            except sqlite3.OperationalError:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if self._version() == version:
                    raise  # else another process, started together with this one, has made the step
            version = self._version()

    def _require_nobody_older(self, version: int) -> None:
        """Raise StoreError where a process that knows only an older schema is at work on a run: it could not go on."""
        started = time.monotonic()
        while folders := held_by_older(self.path.parent):
            if time.monotonic() - started > _LOCKING_S:
                raise StoreError(
                    f"{self.path} was written by an older mm-align-harness (schema {version}), which still works in "
                    f"{folders[0]} (process {holder(folders[0])}). This version would change the store to schema {len(STEPS)}, "
                    "and that process could not store anything more. Wait for it to end and run the same command again."
                )
            time.sleep(0.05)

    def _check_known(self, version: int) -> None:
        if version > len(STEPS):
            raise StoreError(
                f"{self.path} was written by a newer mm-align-harness (schema {version}, this one reads up to {len(STEPS)}). "
                "Upgrade, or choose another folder with `output=` or `--output`."
            )

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._turn, _explained(self.path):
            self._check_in_place()
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:  # SQLite itself rolls back when the disk is full
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._turn, _explained(self.path):
            self._check_in_place()
            self._look_again()
            return self._db.execute(sql, values).fetchall()

    def data_version(self) -> tuple[int, int]:
        """A value that changes when another connection has changed the store."""
        (row,) = self.rows("PRAGMA data_version")
        return self._reopened, int(row[0])

    def _check_in_place(self) -> None:
        """SQLite goes on in files that were removed or replaced (in WAL mode it does not look), and what it stores is lost.

        A store that is read as immutable may be replaced: it is opened again.
        """
        now = _place(self.path)
        moved = (old not in (None, _GONE) and new not in (None, old) for old, new in zip(self._place, now, strict=False))
        if now[0] == _GONE or (self._seen is None and any(moved)):
            raise StoreError(
                f"The run store {self.path} was removed or replaced while it was in use, as a whole or its file "
                f"{self.path.name}-wal; what would be stored now would be lost. Put it back, and run the same command again."
            )

    def _look_again(self) -> None:
        """Open an immutable store again where somebody has begun to write to it, or has."""
        if self._seen is not None and self._seen != _signature(self.path):
            self._db.close()
            self._reopened += 1
            self._open_to_read()


def _connected(path: Path | str) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False, uri=isinstance(path, str)
    )  # fmt: skip


def _is_read_only(path: Path) -> bool:
    """Whether there is a store that this process cannot write: SQLite writes files beside it, too."""
    return path.is_file() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _is_file(path: Path, ending: str) -> bool:
    """Whether SQLite's file beside the store is there with something in it."""
    beside = path.with_name(path.name + ending)
    return beside.is_file() and beside.stat().st_size > 0


def _place(path: Path) -> tuple[int | None, ...]:
    """The inodes of the store and of its `-wal`: `_GONE` for one that is not there, None where that cannot be known."""
    return tuple(_inode(file) for file in (path, path.with_name(f"{path.name}-wal")))


def _inode(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except (FileNotFoundError, NotADirectoryError):
        return _GONE
    except OSError:
        return None


def _signature(path: Path) -> tuple[object, ...]:
    return *file_state(path), _is_file(path, "-wal")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's errors as messages."""
    try:
        yield
    except sqlite3.OperationalError as error:
        what = str(error)
        if "full" in what:
            advice = "The disk is full; free some space and try again. Nothing stored is lost."
        elif "disk I/O" in what:  # whatever else a write is refused for
            advice = (
                "The disk may be full, or a quota or a limit on the size of files (`ulimit -f`) reached; otherwise the disk "
                "or the network drive failed. Fix the problem and run the same command again; nothing stored is lost."
            )
        elif "locked" in what or "busy" in what:
            advice = "Another process holds it; wait for it to end and try again."
        elif "readonly" in what:
            advice = f"It cannot be written: {_READ_ONLY}"
        elif "unable to open" in what and (length := len(os.fsencode(os.path.realpath(path)))) > _LONGEST_PATH:
            advice = f"Its path has {length} bytes; SQLite opens none of over {_LONGEST_PATH}. Choose a shorter `--output`."
        elif "unable to open" in what:
            advice = (
                "Check that it is a file and can be written, as its folder, or choose another folder (`output=`, `--output`)."
            )
        else:
            advice = "Run the same command again; if it stays, keep the file and report the problem."
        raise StoreError(f"The run store {path}: {what}. {advice}") from error
    except sqlite3.IntegrityError as error:
        raise StoreError(f"The run store {path} refused: {error}. Nothing was changed.") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # an error message may quote what is damaged
        raise StoreError(
            f"The run store {path} is damaged ({error}). Move it away; a new one is made by the next run."
        ) from error
