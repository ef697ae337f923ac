"""Iterated alignment: every round makes its pairs with the checkpoint of the round before and trains on from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignment.data.pairs import read_pairs
from harness.config import schema as config
from harness.core.errors import ConfigError
from harness.run import pipeline
from harness.storage.artifacts import TrainingLog
from harness.storage.run_folder import read_json
from harness.storage.run_store import Store
from tests.end_to_end.conftest import _BDHS, SMALL

TRAINING = {"learning_rate": 3e-4, "batch_size": 8, "max_steps": 1}
ARM = {"name": "dpo", "rounds": 2, "pairs": {**_BDHS, "limit": 8}, "align": {"name": "dpo", "training": TRAINING}}
STUDY = {**SMALL, "name": "rounds", "arms": [ARM], "sweep": [{"name": "pope", "limit_images": 2}]}


def test_two_rounds_are_two_checkpoints_on_pairs_of_their_own(world: Path, tmp_path: Path) -> None:
    kept = {**ARM, "name": "kept", "after": "dpo-round1", "reference": "base"}
    arms = [ARM, {key: value for key, value in kept.items() if key != "rounds"}]
    study = STUDY | {"data": str(world / "miniworld"), "output": str(tmp_path), "arms": arms}
    outcome = pipeline.run(config.parse(study), "test")
    with Store(tmp_path / "store.sqlite") as store:
        assert {r.label for r in store.results(outcome.run_id)} == {"base", "dpo-round1", "dpo-round2", "kept"}
        logs = {name: store.get(TrainingLog, outcome.run_id, name).steps[0] for name in ("dpo-round2", "kept")}
    assert logs["dpo-round2"]["rewards/chosen"] == pytest.approx(0.0, abs=1e-5)  # its reference is where it begins
    assert abs(logs["kept"]["rewards/chosen"]) > 1e-3  # it begins away from its reference, the base
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
    assert len(made) == 6 and {a.reference for a in made} == {None}


def test_a_fixed_reference_is_what_the_first_round_begins_with() -> None:
    first = {k: v for k, v in ARM.items() if k != "rounds"} | {"name": "sft"}
    later = {**ARM, "after": "sft", "reference": "fixed"}
    made = config.parse(STUDY | {"arms": [{**first, "seeds": [0, 1]}, {**later, "seeds": [0, 1]}]}).arms
    assert [(a.name, a.after, a.reference) for a in made[2:4]] == [
        ("dpo-seed0-round1", "sft-seed0", "sft-seed0"),
        ("dpo-seed0-round2", "dpo-seed0-round1", "sft-seed0"),
    ]
    alone = config.parse(STUDY | {"arms": [{**ARM, "reference": "fixed"}]}).arms
    assert [a.reference for a in alone] == ["base", "base"]


@pytest.mark.parametrize(
    ("arm", "says"),
    [
        ({**ARM, "rounds": 0}, "whole number of at least 1"),
        ({**ARM, "rounds": 1, "after": "sft"}, "not an arm before it"),
        ({**ARM, "reference": "kept"}, "choose one of: moving, fixed"),
        ({**{k: v for k, v in ARM.items() if k != "rounds"}, "reference": "sft"}, "neither base nor an arm before it"),
    ],
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
