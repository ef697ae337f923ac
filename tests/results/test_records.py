"""A record is one arm beside the base: complete where both have every benchmark of the study, with what is missing and why."""

from __future__ import annotations

import pytest

from harness.core.evaluation import Item
from harness.core.run_record import Checkpoint, ProtocolRecord, RunRecord
from harness.results.run_records import records_of
from harness.storage.artifacts import MissingItems, Pairs, Timings, TrainingLog
from harness.storage.run_store import Store, StoredResult, StoredRun

ARM = "pairs: {name: random_edit}, align: {name: dpo}"
STUDY = f"""
model: {{name: scripted}}
sweep: [{{name: pope}}, {{name: chair}}]
arms: [{{name: whole, {ARM}}}, {{name: part, {ARM}}}, {{name: unswept, {ARM}}}]
"""
SWEPT = {"base": ("pope", "chair"), "whole": ("pope", "chair"), "part": ("pope",)}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunRecord]:
    folder = tmp_path_factory.mktemp("records")
    with Store(folder / "store.sqlite") as store:
        store.begin(StoredRun("r", "study", "2026-01-01", "complete", STUDY, "the command", {"torch": "2"}, str(folder)))
        places = [(label, name) for label, names in SWEPT.items() for name in names]
        for n, (label, name) in enumerate(places):
            items = (Item("1", "a.jpg", "q"), Item("2", "b.jpg", "q"))
            checkpoint = Checkpoint(label, label, "", label)
            found = StoredResult(label, name, checkpoint, {"name": name}, ProtocolRecord({}), items, (None, "k"), ())
            store.add_result("r", n, found)
        store.put("r", MissingItems({"1": "no reply within 300 s"}), "whole", "pope")
        store.put("r", Pairs({"asked": 3}), "whole")
        store.put("r", TrainingLog(({"step": 1.0},), ("Stopped early.",)), "part")
        store.put("r", Timings({"sweep": 2.5}))
        return {record.name: record for record in records_of(store, "r")}


def test_a_record_is_complete_where_the_base_and_the_arm_have_every_benchmark(records: dict[str, RunRecord]) -> None:
    assert {name: record.complete for name, record in records.items()} == {"whole": True, "part": False, "unswept": False}
    assert [[sweep.label for sweep in record.sweeps] for record in records.values()] == [
        ["base", "whole"], ["base", "part"], ["base"],
    ]  # fmt: skip


def test_an_item_without_an_answer_is_missing_with_its_own_reason(records: dict[str, RunRecord]) -> None:
    base, whole = ({result.benchmark: result.missing for result in sweep.results} for sweep in records["whole"].sweeps)
    gone = "no answer is stored"
    assert whole == {"pope": {"1": "no reply within 300 s", "2": gone}, "chair": {"1": gone, "2": gone}}
    assert base == {"pope": {"1": gone, "2": gone}, "chair": {"1": gone, "2": gone}}


def test_what_is_stored_of_an_arm_stands_in_its_own_record(records: dict[str, RunRecord]) -> None:
    whole, part = records["whole"], records["part"]
    assert (whole.pairs_report, part.pairs_report) == ({"asked": 3}, {})
    assert (list(whole.training), list(part.training)) == ([], [{"step": 1.0}])
    assert "Stopped early." in part.notes and "Stopped early." not in whole.notes
    for one in (whole, part):
        assert (one.run_id, one.command, one.versions, one.begun) == ("r", "the command", {"torch": "2"}, "2026-01-01")
        assert one.timings == {"sweep": 2.5} and one.config_yaml == STUDY
