"""A report of results that another version of a benchmark measured says so; the numbers alone cannot tell."""

from __future__ import annotations

from pathlib import Path

from benchmarks.pope import Pope
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.results.run_records import records_of
from harness.storage.run_store import Store, StoredResult, StoredRun

CONFIG = "model: {name: scripted}\nsweep: [{name: pope}]\narms: [{name: a, pairs: {name: random_edit}, align: {name: dpo}}]\n"


def notes_of(path: Path, facts: dict[str, str]) -> tuple[str, ...]:
    with Store(path / "store.sqlite") as store:
        store.begin(StoredRun("r-1", "r", "2026-01-01", "complete", CONFIG, "", {}, "/nowhere"))
        for place, label in enumerate(("base", "a")):
            protocol = ProtocolRecord({"benchmark": "pope", **facts})
            weights = Checkpoint("c", "", "", "d")
            store.add_result("r-1", place, StoredResult(label, "pope", weights, {"name": "pope"}, protocol, (), (), ()))
        (record,) = records_of(store, "r-1")
    assert record.notes == record.caveats and record.can_continue == (not record.notes)
    return tuple(record.notes)


def test_it_is_said_once_of_both_columns_with_both_versions(tmp_path: Path) -> None:
    (note,) = notes_of(tmp_path, {"benchmark version": "1"})
    assert note.startswith(f"POPE was measured by version 1 of the benchmark; here is version {Pope.version}. CHANGELOG.md ")


def test_nothing_is_said_of_this_version_or_where_none_is_known(tmp_path: Path) -> None:
    assert notes_of(tmp_path, {"benchmark version": str(Pope.version)}) == ()
    assert notes_of(tmp_path, {}) == ()
