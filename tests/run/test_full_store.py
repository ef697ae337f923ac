"""A store that takes nothing more hides not why a run ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config import schema
from harness.core.errors import StoreError
from harness.run import pipeline
from harness.storage.run_store import Store

MODEL = {"name": "scripted", "default": "There is a dog."}


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, ValueError])
def test_a_run_ends_with_what_happened_first(
    stopped: type[BaseException], world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*words: object) -> None:
        raise stopped

    def full(store: Store, run: str, status: str) -> None:
        raise StoreError("database or disk is full")

    monkeypatch.setattr(pipeline, "sweep", stop)
    monkeypatch.setattr(Store, "set_status", full)
    study = {"model": MODEL, "data": str(world), "output": str(tmp_path), "sweep": [{"name": "pope", "limit": 4}]}
    with pytest.raises(stopped):
        pipeline.run(schema.parse(study), "test")
