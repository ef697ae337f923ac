"""Iterated alignment: every round makes its pairs with the checkpoint of the round before and trains on from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alignment.data.pairs import read_pairs
from alignment.data.sampling import drawn
from harness.config import schema as config
from harness.core.errors import ConfigError, DataError
from harness.core.judging import NoJudge
from harness.core.plugins import no_progress
from harness.run import pipeline
from harness.run.checks.earlier_forms import as_before, is_begun, run_of
from harness.run.on_fleet.arm_training import ArmTraining
from harness.storage.artifacts import TrainingLog
from harness.storage.run_folder import read_json
from harness.storage.run_store import Store
from tests.end_to_end.conftest import _BDHS, SMALL

TRAINING = {"learning_rate": 3e-4, "batch_size": 8, "max_steps": 1}
ARM = {"name": "dpo", "rounds": 2, "pairs": {**_BDHS, "limit": 8}, "align": {"name": "dpo", "training": TRAINING}}
STUDY = {**SMALL, "name": "rounds", "arms": [ARM], "sweep": [{"name": "pope", "limit_images": 2}]}


def test_two_rounds_are_two_checkpoints_on_pairs_of_their_own(whole_world: Path, tmp_path: Path) -> None:
    kept = {**ARM, "name": "kept", "after": "dpo-round1", "reference": "base"}
    arms = [ARM, {key: value for key, value in kept.items() if key != "rounds"}]
    study = STUDY | {"data": str(whole_world / "miniworld"), "output": str(tmp_path), "arms": arms}
    outcome = pipeline.run(config.parse(study), "test")
    with Store(tmp_path / "store.sqlite") as store:
        assert {r.label for r in store.results(outcome.run_id)} == {"base", "dpo-round1", "dpo-round2", "kept"}
        logs = {name: store.get(TrainingLog, outcome.run_id, name).steps[0] for name in ("dpo-round2", "kept")}
    assert logs["dpo-round2"]["rewards/chosen"] == pytest.approx(0.0, abs=1e-5)  # its reference is where it begins
    assert abs(logs["kept"]["rewards/chosen"]) > 1e-3  # it begins away from its reference, the base
    arms = outcome.folder / "arms"
    made = [read_pairs(arms / f"dpo-round{n}" / "pairs.jsonl") for n in (1, 2)]
    assert [p.id for p in made[0]] == [p.id for p in made[1]]  # a limit takes the same rows in each round
    kept = read_pairs(arms / "kept" / "pairs.jsonl")  # behind round 1 by hand, without a `round`
    first, second, by_hand = ({p.rejected for p in pairs} for pairs in (*made, kept))
    assert len(first & second) < len(first & by_hand)
    notes = json.loads((outcome.folder / "report.json").read_text())["study"]["unlike"]
    assert any("kept after dpo-round1" in note and "dpo-round2" not in note for note in notes)
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


def test_every_round_has_draws_of_its_own_and_the_rows_of_the_first() -> None:
    study = config.parse(STUDY | {"arms": [{**ARM, "rounds": 3}]})
    seeds = [study.draws_of(arm) for arm in study.arms]
    assert [arm.round for arm in study.arms] == [None, 2, 3] and len(set(seeds)) == 3
    assert seeds[0] == study.seed and {study.seed_of(arm) for arm in study.arms} == {study.seed}
    ids = [str(n) for n in range(50)]
    assert drawn(ids, 5, seeds[0]) == drawn(ids, 5, seeds[1]) == drawn(ids, 5, seeds[2]) != drawn(ids, 5, 7)


def test_a_seed_of_the_aligner_is_another_one_in_each_round(tmp_path: Path) -> None:
    align = {"name": "online_dpo", "judge": {"name": "annotations"}, "seed": 4}
    study = config.parse(STUDY | {"arms": [{**ARM, "align": align}]})
    training = ArmTraining(study, tmp_path, None, None, no_progress, lambda text: None)
    first, second = (training.aligner(arm, NoJudge()).settings.seed for arm in study.arms)
    assert first == 4 and second not in (0, 4)


def test_rounds_and_round_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="`rounds` and `round` contradict"):
        config.parse(STUDY | {"arms": [{**ARM, "round": 2}]})


BEFORE = as_before(config.parse(STUDY))  # as versions without `round` wrote it out


def begun_before(output: Path, *trained: str) -> Path:
    folder = output / BEFORE.run_id("base")
    for name in trained:
        (folder / "arms" / name).mkdir(parents=True)
        (folder / "arms" / name / "alignment.json").write_text("{}")
    folder.mkdir(exist_ok=True)
    (folder / "run.yaml").write_text(BEFORE.as_yaml())
    return folder


def test_a_run_of_an_earlier_version_is_the_same_run_where_its_rounds_are_trained(tmp_path: Path) -> None:
    study, said = config.parse(STUDY), list[str]()
    assert run_of(study, "base", tmp_path, said.append) == (study, study.run_id("base")) and not said
    folder = begun_before(tmp_path, "dpo-round1", "dpo-round2")
    assert run_of(study, "base", tmp_path, said.append) == (BEFORE, folder.name)
    assert "repeat the random draws" in said[0] and "another name" in said[0]
    assert "round" not in BEFORE.model_dump(exclude_none=True)["arms"][1] and is_begun(
        study.model_copy(update={"output": str(tmp_path)})
    )


def test_a_half_trained_run_of_an_earlier_version_is_not_gone_on_with_by_another_rule(tmp_path: Path) -> None:
    folder = begun_before(tmp_path, "dpo-round1")
    with pytest.raises(DataError, match=r"dpo-round2 of it is not trained(.|\n)*run.yaml"):
        run_of(config.parse(STUDY), "base", tmp_path, print)
    own = config.stored((folder / "run.yaml").read_text(), "it")  # what the message says to give instead
    assert run_of(own, "base", tmp_path, print) == (own, folder.name)


def test_a_round_by_hand_is_a_study_of_its_own(tmp_path: Path) -> None:
    begun_before(tmp_path, "dpo-round1", "dpo-round2")
    plain = {key: value for key, value in ARM.items() if key != "rounds"}
    study = config.parse(STUDY | {"arms": [plain, {**plain, "name": "more", "after": "dpo", "round": 2}]})
    assert as_before(study) == study and study.digest != BEFORE.digest
