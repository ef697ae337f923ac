"""Parts of stored results, read without the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import StoreError
from harness.core.evaluation import Item, Score
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.storage.result_queries import ResultQueries
from harness.storage.run_store import Store, StoredResult, StoredRun

ITEMS = tuple(Item(str(n), f"{n}.jpg", "q", {"label": "yes"}) for n in range(3))
SCORES = (Score("0", {"right": 1.0}), Score("2", {"right": 0.0}, flag="unclear"))
RESULT = StoredResult(
    "base", "POPE", Checkpoint("m", "m", "", "d"), {"name": "pope"}, ProtocolRecord({}), ITEMS, ("a", None, "c"), SCORES
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store.sqlite")
    made.begin(StoredRun("r", "r", "2026-01-01", "complete", "", "", {}, ""))
    made.add_result("r", 0, RESULT)
    return made


def test_the_parts_of_a_result_are_those_of_the_whole(store: Store) -> None:
    reader, (whole,) = ResultQueries(store), store.results("r")
    (head,) = reader.heads("r")
    assert (head.label, head.benchmark, head.checkpoint, head.options) == ("base", "POPE", whole.checkpoint, whole.options)
    assert reader.items(head.item_set) == whole.items and tuple(reader.answer_keys(head)) == whole.answer_keys
    assert tuple(reader.scores(head)) == whole.scores


def test_scores_that_are_no_list_are_refused_as_a_damaged_store(store: Store) -> None:
    with store.transaction() as db:
        db.execute("UPDATE results SET scores='3'")
    (head,) = ResultQueries(store).heads("r")
    with pytest.raises(StoreError, match="damaged"):
        list(ResultQueries(store).scores(head))
