"""A server is asked before the miniature world is drawn; a local model is loaded behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config import schema
from harness.run import data


@pytest.mark.parametrize(
    ("model", "order"),
    [
        ({"name": "openai", "url": "http://127.0.0.1:9/v1"}, ["load", "data"]),
        ({"name": "transformers", "path": "miniworld"}, ["data", "load"]),
    ],
)
def test_order(model: dict[str, Any], order: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    done = list[str]()
    monkeypatch.setattr(data, "open_data", lambda *_: done.append("data"))
    config = schema.parse({"model": model, "sweep": [{"name": "pope"}]})
    data.base_and_data(config, lambda: done.append("load") or object(), Path("runs"), lambda text: None)  # type: ignore
    assert done == order
