"""A store whose bytes changed is refused in one line, whatever SQLite still makes of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from benchmarks.pope import Pope
from harness.core.errors import StoreError
from harness.core.evaluation import Item
from harness.results.run_records import records_of
from harness.storage import codec
from harness.storage.run_store import Store
from tests.audit.test_rescore import keep

ITEMS = [Item("a", "a.jpg", "Is there a dog in the image?", {"labels": {"random": ["no"]}})]


@pytest.mark.parametrize(("change", "value"), [
    ("UPDATE runs SET versions=?", "{"), ("UPDATE results SET scores=?", "[7]"),
    ("UPDATE results SET checkpoint=?", "[]"), ("UPDATE item_sets SET items=?", '[{"x": 1}]'),
    ("UPDATE item_sets SET digest=?", "x"), ("UPDATE results SET answer_keys=?", "7"),
])  # fmt: skip
def test_a_stored_value_that_was_not_written_so_is_named(tmp_path: Path, change: str, value: str) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        keep(store, "one", Pope(splits=["random"]), {"name": "pope", "splits": ["random"]}, ITEMS, {"a": "Yes."})
    db = sqlite3.connect(tmp_path / "store.sqlite")
    with db:
        assert db.execute(change, (value,)).rowcount == 1
    db.close()
    with Store(tmp_path / "store.sqlite") as store, pytest.raises(StoreError):
        records_of(store, store.runs()[0].id)


def test_a_value_that_is_no_json_is_damage() -> None:
    for text in (None, "{", "[" * 100_000, b"\xff"):
        with pytest.raises(StoreError, match="The run store is damaged"):
            codec.loads(text)  # type: ignore[arg-type]
