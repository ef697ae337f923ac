"""A judge or a reward is configured where a benchmark or an aligner asks one, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from harness.config import schema as config
from harness.config.check_plugins import check_plugins
from harness.core.errors import ConfigError


def checked(spec: dict[str, Any]) -> None:
    made = {"name": "x", "model": {"name": "scripted"}, "sweep": [{**spec, "judge": {"name": "keywords"}}]}
    check_plugins(config.parse(made))


@pytest.mark.parametrize("spec", [
    {"name": "pope"},
    {"name": "mmvp"},
    {"name": "hallusionbench", "variant": "lmms_eval"},
    {"name": "object_halbench", "extractor": "nouns"},
])  # fmt: skip
def test_a_judge_that_nobody_asks_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{spec['name']} asks no judge.*Leave `judge` out"):
        checked(spec)


@pytest.mark.parametrize("spec", [
    {"name": "mmhal_bench"},
    {"name": "chair_open"},
    {"name": "mmvp", "variant": "official"},
    {"name": "hallusionbench", "variant": "judge"},
    {"name": "object_halbench", "extractor": "judge"},
])  # fmt: skip
def test_a_judge_that_is_asked_passes(spec: dict[str, Any]) -> None:
    checked(spec)


def aligned(**align: Any) -> None:
    training = {"epochs": 1, "batch_size": 8}
    arm = {"name": "a", "pairs": {"name": "random_edit"}, "align": {"training": training, **align}}
    reward = {"name": "rm", "pairs": {"name": "random_edit"}, "align": {"name": "reward_model", "training": training}}
    made = {"name": "x", "model": {"name": "transformers", "path": "miniworld"}, "sweep": [{"name": "pope"}]}
    check_plugins(config.parse({**made, "reward_models": [reward], "arms": [arm]}))


JUDGE = {"judge": {"name": "annotations"}}
REWARD = {"reward": "rm"}


@pytest.mark.parametrize(("align", "message"), [
    ({"name": "dpo", **JUDGE}, "arm a: dpo asks no judge"),
    ({"name": "dpo", **REWARD}, "arm a: dpo asks no reward model"),
    ({"name": "online_dpo", **JUDGE, **REWARD}, "arm a: online_dpo asks no reward model"),
    ({"name": "rloo", **JUDGE, **REWARD}, "arm a: rloo learns from one reward, and both `reward` and `judge`"),
])  # fmt: skip
def test_a_judge_or_a_reward_that_an_aligner_does_not_ask_is_refused(align: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"{message}.*Leave "):
        aligned(**align)


@pytest.mark.parametrize("align", [
    {"name": "dpo"}, {"name": "online_dpo", **JUDGE}, {"name": "rloo", **JUDGE}, {"name": "ppo", **REWARD}
])  # fmt: skip
def test_one_that_an_aligner_asks_passes(align: dict[str, Any]) -> None:
    aligned(**align)
