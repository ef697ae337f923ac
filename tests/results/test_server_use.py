"""What servers charged for an arm, as reports read it from the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.config import schema as config
from harness.core.run_record import ServerUse
from harness.results.server_use import served
from harness.storage.artifacts import ArmCost
from harness.storage.run_store import Store, StoredRun

SERVER = {"name": "openai", "url": "http://127.0.0.1:9/v1"}
CHARGED = {"requests": 3, "cost": 0.5}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.sqlite") as found:
        found.begin(StoredRun("r", "s", "2026-01-01", "running", "", "", {}, ""))
        yield found


def study(judge: dict[str, Any]) -> config.RunConfig:
    arm = {"name": "a", "pairs": {"name": "bdhs"}, "align": {"name": "online_dpo", "judge": judge}}
    model = {"name": "transformers", "path": "miniworld"}
    return config.parse({"name": "s", "model": model, "arms": [arm], "sweep": [{"name": "pope"}]})


def test_the_processes_of_a_training_count_together(store: Store) -> None:
    store.put("r", ArmCost({}, CHARGED), "a")
    store.put("r", ArmCost(None, CHARGED), "a", "process 1")
    assert served(store, "r", ["a"], study({"name": "chat", "model": SERVER})) == {"a": {"training": ServerUse(6, 1.0)}}


def test_an_annotator_of_which_nothing_is_stored_is_unknown_where_it_may_be_a_server(store: Store) -> None:
    asked = study({"name": "chat", "model": SERVER})
    assert served(store, "r", ["a"], asked) == {"a": {"training": ServerUse(None, None)}}
    assert served(store, "r", ["a"], study({"name": "annotations"})) == {"a": {}}
    store.put("r", ArmCost({}, {}), "a")
    assert served(store, "r", ["a"], asked) == {"a": {}}, "counted, and nothing was asked"
