"""A value that stands at two places, by an anchor in YAML or as one object in Python, is changed at one place alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.config import schema as config
from harness.config.annotators import load_annotators
from harness.core.errors import ConfigError
from tests.config.test_schema import GOOD

ANCHORED = """
model: {name: scripted}
arms:
  - {name: a, pairs: &pairs {name: bdhs}, align: &align {name: dpo, beta: 0.1}}
  - {name: b, pairs: *pairs, align: *align}
sweep: [{name: pope}]
"""


def betas(found: config.RunConfig) -> list[float]:
    return [arm.align.options["beta"] for arm in found.arms]


def test_a_change_of_one_arm_leaves_those_with_the_same_anchor(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(ANCHORED)
    assert betas(config.load(tmp_path / "run.yaml", ["arms.b.align.beta=5"])) == [0.1, 5]


def test_anchors_within_a_change_are_written_out_too() -> None:
    arms = "arms=[{name: a, pairs: {name: bdhs}, align: &x {name: dpo, beta: 1}}, {name: b, pairs: {name: bdhs}, align: *x}]"
    assert betas(config.parse(GOOD, overrides=[arms, "arms.b.align.beta=5"])) == [1, 5]


def test_an_object_that_two_arms_share_in_python_is_changed_for_one() -> None:
    align = {"name": "dpo", "beta": 0.1}
    shared = [{"name": name, "pairs": {"name": "bdhs"}, "align": align} for name in "ab"]
    assert betas(config.parse(GOOD | {"arms": shared}, overrides=["arms.a.align.beta=5"])) == [5, 0.1]
    assert align == {"name": "dpo", "beta": 0.1}


def test_a_judge_that_two_benchmarks_share_is_changed_for_one() -> None:
    judge = {"name": "recorded", "file": "a.jsonl"}
    tree = GOOD | {"sweep": [{"name": "mmhal_bench", "judge": judge}, {"name": "mmvet", "judge": judge}]}
    made = config.parse(tree, overrides=["sweep.mmvet.judge.file=b.jsonl"])
    assert [spec.judge.options["file"] for spec in made.sweep if spec.judge] == ["a.jsonl", "b.jsonl"]


def test_an_annotator_that_two_names_share_is_changed_for_one() -> None:
    judge = {"name": "annotations", "year": "2014"}
    tree: dict[str, Any] = {"annotators": {"one": judge, "two": judge}, "pairs": {"povid": {"name": "povid"}}}
    made = load_annotators(tree, changes=["annotators.two.year='2017'"])
    assert [spec.options["year"] for spec in made.annotators.values()] == ["2014", "2017"]


def test_a_value_that_contains_itself_is_refused() -> None:
    align: dict[str, Any] = {"name": "dpo"}
    align["training"] = {"lora": align}
    with pytest.raises(ConfigError, match="contains itself"):
        config.parse(GOOD | {"arms": [{**GOOD["arms"][0], "align": align}]})


def test_a_study_with_anchors_is_the_run_that_it_is_without() -> None:
    shared = config.parse(yaml.safe_load(ANCHORED))
    plain = config.parse(yaml.safe_load(shared.as_yaml()))
    assert shared.digest == plain.digest and "&" not in shared.as_yaml()


def test_points_of_a_grid_over_a_mapping_and_a_key_inside_it_train_their_own_values() -> None:
    grid = {"align.training": [{"epochs": 1}, {"epochs": 2}], "align.training.learning_rate": [0.1, 0.2]}
    made = config.parse(GOOD | {"arms": [{**GOOD["arms"][0], "name": "a", "grid": grid}]}).arms
    assert [(arm.name, arm.align.options["training"]) for arm in made] == [
        ("a-trainingepochs_1-learning_rate0.1", {"epochs": 1, "learning_rate": 0.1}),
        ("a-trainingepochs_1-learning_rate0.2", {"epochs": 1, "learning_rate": 0.2}),
        ("a-trainingepochs_2-learning_rate0.1", {"epochs": 2, "learning_rate": 0.1}),
        ("a-trainingepochs_2-learning_rate0.2", {"epochs": 2, "learning_rate": 0.2}),
    ]


def test_a_key_inside_a_mapping_counts_wherever_it_stands_in_the_grid() -> None:
    grid = {"align.training.learning_rate": [0.1, 0.2], "align.training": [{"epochs": 1}]}
    made = config.parse(GOOD | {"arms": [{**GOOD["arms"][0], "name": "a", "grid": grid}]}).arms
    assert [(arm.name, arm.align.options["training"]) for arm in made] == [
        ("a-learning_rate0.1-trainingepochs_1", {"epochs": 1, "learning_rate": 0.1}),
        ("a-learning_rate0.2-trainingepochs_1", {"epochs": 1, "learning_rate": 0.2}),
    ]
