"""Iterated alignment: every round makes its pairs with the checkpoint of the round before and trains on from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignment.data.pairs import read_pairs
from harness.config import schema as config
from harness.core.errors import ConfigError
from harness.run import pipeline
from harness.storage.run_folder import read_json
from harness.storage.run_store import Store
from tests.end_to_end.conftest import _BDHS, SMALL

TRAINING = {"learning_rate": 3e-4, "batch_size": 8, "max_steps": 1}
ARM = {"name": "dpo", "rounds": 2, "pairs": {**_BDHS, "limit": 8}, "align": {"name": "dpo", "training": TRAINING}}
STUDY = {**SMALL, "name": "rounds", "arms": [ARM], "sweep": [{"name": "pope", "limit_images": 2}]}


def test_two_rounds_are_two_checkpoints_on_pairs_of_their_own(world: Path, tmp_path: Path) -> None:
    outcome = pipeline.run(config.parse(STUDY | {"data": str(world / "miniworld"), "output": str(tmp_path)}), "test")
    with Store(tmp_path / "store.sqlite") as store:
        assert {r.label for r in store.results(outcome.run_id)} == {"base", "dpo-round1", "dpo-round2"}
    arms = outcome.folder / "arms"
    made = [read_pairs(arms / f"dpo-round{n}" / "pairs.jsonl") for n in (1, 2)]
    assert {p.prompt for p in made[0]} == {p.prompt for p in made[1]}
    bases = [read_json(arms / f"dpo-round{n}" / "train" / "checkpoint" / "alignment.json")["base"] for n in (1, 2)]
    assert bases[1] == str(arms / "dpo-round1" / "train" / "checkpoint") and bases[0] != bases[1]


def test_rounds_are_written_out_as_arms_that_follow_each_other() -> None:
    made = config.parse(STUDY | {"arms": [{**ARM, "rounds": 3, "grid": {"seed": [0, 1]}}]}).arms
    assert [(a.name, a.after) for a in made[:3]] == [
        ("dpo-seed0-round1", None),
        ("dpo-seed0-round2", "dpo-seed0-round1"),
        ("dpo-seed0-round3", "dpo-seed0-round2"),
    ]
    assert len(made) == 6


@pytest.mark.parametrize(
    ("arm", "says"),
    [({**ARM, "rounds": 0}, "whole number of at least 1"), ({**ARM, "rounds": 1, "after": "sft"}, "not an arm before it")],
)
def test_rounds_that_make_no_sense_are_refused(arm: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        config.parse(STUDY | {"arms": [arm]})


def test_a_study_without_rounds_keeps_its_name() -> None:
    """The digest, part of a run folder's name, is that of a configuration that knows no `after`."""
    study = config.parse(STUDY | {"arms": [{k: v for k, v in ARM.items() if k != "rounds"}]})
    assert "after" not in study.as_yaml()
    other = config.parse(STUDY | {"arms": [{**ARM, "rounds": 1, "name": "x"}]})
    assert other.arms[0].after is None and study.digest != other.digest
