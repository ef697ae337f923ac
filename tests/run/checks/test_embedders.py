"""An embedder that cannot be used is known before the first sweep, for every arm that compares answers by it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from harness.config import schema as config
from harness.core.errors import DataError
from harness.core.plugins import NoModel
from harness.run.checks.embedders import unusable_embedders
from harness.run.checks.sources import check_sources
from tests.alignment.scripted import write_prompts

EDIT, NAME = {"name": "random_edit"}, "all-mpnet-base-v2"
ARMS = [
    {"name": "plain", "pairs": {"name": "bdhs"}, "align": {"name": "dpo"}},
    {"name": "offline", "pairs": {"name": "bdhs", "embedder": NAME}, "align": {"name": "dpo"}},
    {
        "name": "joined",
        "pairs": {"name": "joined", "first": EDIT, "second": {"name": "bdhs", "embedder": NAME}},
        "align": {"name": "dpo"},
    },
    {"name": "online", "pairs": EDIT, "align": {"name": "online_bdhs", "bdhs": {"embedder": NAME}}},
]


def study(**more: Any) -> config.RunConfig:
    return config.parse({"name": "x", "model": {"name": "scripted"}, "sweep": [{"name": "pope"}], "arms": ARMS} | more)


def package(monkeypatch: pytest.MonkeyPatch, folder: Path, does: str) -> None:
    """A sentence-transformers whose models do this when they are made."""
    (folder / "sentence_transformers.py").write_text(
        f"class SentenceTransformer:\n    def __init__(self, name):\n        {does}\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "sentence_transformers", raising=False)


def test_a_package_that_is_not_installed_is_named_with_the_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)  # type: ignore[arg-type]
    faults = [unusable_embedders(arm, load=False) for arm in study().arms]
    assert faults[0] == [] and all(len(found) == 1 for found in faults[1:])
    for arm, (fault,) in zip(ARMS[1:], faults[1:], strict=True):
        assert fault.startswith(f"pairs of {arm['name']}: The embedder '{NAME}' needs sentence-transformers, which is not")


def test_a_model_that_cannot_be_loaded_is_refused_before_the_first_sweep(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package(monkeypatch, tmp_path, "raise OSError('no cached files')")
    data = write_prompts(tmp_path, ("A cat.",))
    offline = study(data=str(tmp_path), arms=ARMS[1:2])
    assert unusable_embedders(offline.arms[0], load=False) == []
    with pytest.raises(DataError, match=f"pairs of offline: The embedder '{NAME}' cannot be loaded: OSError: no cached files"):
        check_sources(offline, lambda arm: False, data, NoModel())


def test_one_that_loads_passes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package(monkeypatch, tmp_path, "self.name = name")
    assert [unusable_embedders(arm) for arm in study().arms] == [[]] * 4
