"""What file systems and their users do to files in use: a store is removed, a lock is not to be had."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import RunLocked, StoreError
from harness.storage.database import Database
from harness.storage.run_folder import is_held, locked


def write(store: Database) -> None:
    with store.transaction() as db:
        db.execute("CREATE TABLE IF NOT EXISTS things (name TEXT)")


@pytest.mark.parametrize("ending", ["", "-wal"])
def test_a_store_that_is_removed_while_it_is_in_use_takes_nothing_more(tmp_path: Path, ending: str) -> None:
    with Database(tmp_path / "store.sqlite", reading=False) as store:
        write(store)
        (tmp_path / f"store.sqlite{ending}").unlink()
        for use in (write, lambda store: store.rows("SELECT 1")):
            with pytest.raises(StoreError, match="was removed or replaced while it was in use"):
                use(store)


def test_a_store_that_is_replaced_takes_nothing_more_until_it_is_put_back(tmp_path: Path) -> None:
    path, away = tmp_path / "store.sqlite", tmp_path / "away"
    with Database(path, reading=False) as store:
        path.rename(away)
        path.write_bytes(away.read_bytes())
        with pytest.raises(StoreError, match="replaced while it was in use"):
            write(store)
        away.replace(path)
        write(store)


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As NFS without its lock service."""

    def refuse(handle: Any, mode: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.usefixtures("without_locks")
def test_a_file_system_without_locks_is_no_process_that_works_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"refuses locks \(No locks available\).* choose another `--output`"), locked(tmp_path):
        pass
    assert is_held(tmp_path)  # it may be: what a run's status says is not contradicted


def test_a_folder_that_another_one_holds_is_named_with_it(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(RunLocked, match="works in"), locked(tmp_path):
        pass
    assert not is_held(tmp_path)


def test_a_path_that_is_too_long_for_sqlite_is_told_with_its_length(tmp_path: Path) -> None:
    folder = tmp_path / "/".join(["d" * 200] * 3)
    length = len(str(folder / "store.sqlite"))
    with pytest.raises(StoreError, match=rf"has {length} bytes; SQLite opens none of over 504\. Choose a shorter"):
        Database(folder / "store.sqlite", reading=False)
    (tmp_path / "short").symlink_to(folder)
    with pytest.raises(StoreError, match=f"has {length} bytes"):
        Database(tmp_path / "short" / "store.sqlite", reading=False)
