"""A store in a folder where this process cannot write: readers read it, and the others are told why they cannot go on."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from harness.core.errors import StoreError
from harness.storage import database
from harness.storage.run_store import Store, StoredRun, open_store
from harness.storage.vote_store import Reviews


def run(name: str) -> StoredRun:
    return StoredRun(name, name, "2026-01-01T00:00:00+00:00", "complete", "", "", {}, "data")


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with one run; from then on nothing may be written, by what the operating system says."""
    with Store(tmp_path / "store.sqlite") as store:
        store.begin(run("one"))
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    return tmp_path


def test_readers_read_it_and_leave_no_files(output: Path) -> None:
    with open_store(output) as store, Reviews(store.path, reading=True) as reviews:
        assert [one.id for one in store.runs()] == ["one"] and reviews.votes() == []
        assert [path.name for path in output.iterdir()] == ["store.sqlite"]


def test_who_writes_is_told_at_once_that_it_is_read_only(output: Path) -> None:
    for opened in (Store, Reviews):
        with pytest.raises(StoreError, match=r"cannot be written: you have no permission .* `--output`"):
            opened(output / "store.sqlite")


def test_a_reader_sees_what_others_write_meanwhile(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(output) as store:
        before = store.data_version()
        with monkeypatch.context() as theirs:
            theirs.setattr(database, "_is_read_only", lambda path: False)
            with Store(output / "store.sqlite") as other:
                other.begin(run("two"))
                assert [one.id for one in store.runs()] == ["one", "two"]
        assert [one.id for one in store.runs()] == ["one", "two"] and store.data_version() != before


def test_a_schema_that_has_to_be_changed_first_is_told(output: Path) -> None:
    db = sqlite3.connect(output / "store.sqlite")
    db.execute("PRAGMA user_version=1")
    db.close()
    with pytest.raises(StoreError, match="written by an older mm-align-harness"):
        open_store(output)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_changes_that_only_a_writer_can_read_are_told(output: Path, tmp_path: Path) -> None:
    db = sqlite3.connect(output / "store.sqlite")
    db.execute("UPDATE runs SET name='new'")
    db.commit()
    (tmp_path / "copy").mkdir()
    for name in ("store.sqlite", "store.sqlite-wal"):
        shutil.copy(output / name, tmp_path / "copy" / name)
    db.close()
    (tmp_path / "copy").chmod(0o555)
    with pytest.raises(StoreError, match="has changes in store.sqlite-wal"):
        open_store(tmp_path / "copy")
    (tmp_path / "copy").chmod(0o755)
