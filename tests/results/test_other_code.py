"""A run that was begun by one state of our code and trained by another says so of the arm."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.edge.versions import CODE
from harness.results.run_records import records_of
from harness.storage.artifacts import TrainingLog
from harness.storage.run_store import Store, StoredRun

CONFIG = (
    "model: {name: scripted}\nsweep: [{name: pope}]\narms:\n"
    "- {name: a, pairs: {name: random_edit}, align: {name: dpo}}\n- {name: b, pairs: {name: random_edit}, align: {name: dpo}}\n"
)


def notes_of(store: Store, begun_by: str, **trained_by: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    versions = {"mm-align-harness": "0.1.0", **({CODE: begun_by} if begun_by else {})}
    store.begin(StoredRun("r-1", "r", "2026-01-01", "complete", CONFIG, "", versions, "/nowhere"))
    for name, code in trained_by.items():
        store.put("r-1", TrainingLog(code=code), name)
    return {record.name: record.notes for record in records_of(store, "r-1")}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.sqlite")


def test_the_arm_that_other_code_trained_is_named(store: Store) -> None:
    notes = notes_of(store, "old", a=("old",), b=("old", "new"))
    assert notes == {"a": (), "b": ("Trained by the code old, then by the code new; the run was begun by old.",)}


def test_a_run_that_an_earlier_version_began_and_this_one_ended_says_that_the_code_is_not_known(store: Store) -> None:
    notes = notes_of(store, "", a=("", "new"), b=("new",))
    begun = "the run was begun by an earlier version, which kept no digest of its code."
    resumed = f"Trained by an earlier version, which kept no digest of its code, then by the code new; {begun}"
    assert notes == {"a": (resumed,), "b": (f"Trained by the code new; {begun}",)}


def test_nothing_is_said_where_it_is_one_or_not_known(store: Store) -> None:
    assert notes_of(store, "old", a=("old",), b=()) == {"a": (), "b": ()}
