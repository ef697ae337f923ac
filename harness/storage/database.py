"""The SQLite file of the store: opening, migrations, and error messages. The only user of sqlite3.

WAL mode, one transaction a batch: a killed process loses at most the batch in flight. Threads take turns.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.core.errors import StoreError
from harness.storage.migrations import STEPS

_PATIENCE_S = 30.0


class Database:
    """Open it as a context manager. Raises StoreError, with what to do, for every SQLite error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._turn = threading.RLock()
            self._db = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
            self._use_wal()
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("PRAGMA foreign_keys=ON")
            self._migrate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._turn:
            self._db.close()

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
        if version > len(STEPS):
            raise StoreError(
                f"{self.path} was written by a newer mm-align-harness (schema {version}, this one reads up to {len(STEPS)}). "
                "Upgrade, or choose another folder with `output=` or `--output`."
            )
        while version < len(STEPS):
            try:
                self._db.executescript(f"BEGIN IMMEDIATE; {STEPS[version]} PRAGMA user_version={version + 1}; COMMIT;")
            except sqlite3.OperationalError:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if self._version() == version:
                    raise  # else another process, started together with this one, has made the step
            version = self._version()

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._turn, _explained(self.path):
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
            return self._db.execute(sql, values).fetchall()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's errors as messages."""
    try:
        yield
    except sqlite3.OperationalError as error:
        what = str(error)
        if "full" in what:
            advice = "The disk is full; free some space and run the same command again. Nothing stored is lost."
        elif "locked" in what or "busy" in what:
            advice = "Another process holds it; wait for it to end and run the same command again."
        elif "unable to open" in what or "readonly" in what:
            advice = "It cannot be opened for writing; choose another folder with `output=`."
        else:
            advice = "Run the same command again; if it stays, keep the file and report the problem."
        raise StoreError(f"The run store {path}: {what}. {advice}") from error
    except sqlite3.IntegrityError as error:
        raise StoreError(f"The run store {path} refused: {error}. Nothing was changed.") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # an error message may quote what is damaged
        raise StoreError(
            f"The run store {path} is damaged ({error}). Move it away; a new one is made by the next run."
        ) from error
