"""Pairs whose model turns out to answer under other facts are made anew, from the first one on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alignment.data.pairs import read_pairs
from harness.config import schema
from harness.core.errors import DataError, FactsChanged
from harness.core.preference import PreferencePair
from harness.models.scripted import Scripted
from harness.run import arm_pairs
from harness.run.data import open_data
from harness.storage.artifacts import Pairs
from harness.storage.run_store import Store, StoredRun
from tests.end_to_end.conftest import SMALL


class Source:
    """Makes a pair from the first answer, and finds at the second that the model draws."""

    tries = 0

    def pairs(self, *given: Any) -> Iterator[PreferencePair]:
        Source.tries += 1
        yield PreferencePair(
            id="a", prompt="q", chosen="c", rejected=(f"r{Source.tries}",), image="", image_digest="", source="s"
        )
        if Source.tries == 1:
            raise FactsChanged({}, {"temperature": "its own"})

    def report(self) -> dict[str, Any]:
        return {"tries": Source.tries}


def test_pairs_begin_again_where_the_facts_of_their_model_change(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = schema.parse(SMALL | {"data": str(world), "output": str(tmp_path)})
    monkeypatch.setattr(arm_pairs.registry, "make", lambda kind, name, options: Source())
    said: list[str] = []
    with Store(tmp_path / "store.sqlite") as store:
        store.begin(StoredRun("run", "small", "2026-01-01T00:00:00", "running", config.as_yaml(), "test", {}, str(world)))
        data, path = open_data(config.data, tmp_path, said.append), tmp_path / "pairs.jsonl"
        arm_pairs.make_pairs(config, config.arms[0], Scripted(), data, store, "run", path, lambda *_: None, said.append)
        record = store.get(Pairs, "run", config.arms[0].name)
    assert [pair.rejected for pair in read_pairs(path)] == [("r2",)] and record is not None and record.report == {"tries": 2}
    assert sum("temperature is 'its own'" in line for line in said) == 1


def test_a_pair_in_another_form_is_refused_before_a_file_is_written(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Letters:
        def pairs(self, *given: Any) -> Iterator[Any]:
            pair: dict[str, Any] = {"id": "a", "prompt": "q", "chosen": "c", "image": "", "image_digest": "", "source": "s"}
            yield PreferencePair(**pair, rejected="cat")

    config = schema.parse(SMALL | {"data": str(world), "output": str(tmp_path)})
    monkeypatch.setattr(arm_pairs.registry, "make", lambda kind, name, options: Letters())
    with Store(tmp_path / "store.sqlite") as store:
        store.begin(StoredRun("run", "small", "2026-01-01T00:00:00", "running", config.as_yaml(), "test", {}, str(world)))
        data, path = open_data(config.data, tmp_path, print), tmp_path / "pairs.jsonl"
        with pytest.raises(DataError, match="pair 1 has 'cat' as `rejected`; give a tuple of texts"):
            arm_pairs.make_pairs(config, config.arms[0], Scripted(), data, store, "run", path, lambda *_: None, print)
    assert not path.exists()
