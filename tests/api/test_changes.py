"""Arguments of Python calls reach the study as they were given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.api import actions
from harness.config.schema import RunConfig

STUDY = {"name": "x", "model": {"name": "transformers", "path": "miniworld"}, "sweep": [{"name": "pope"}]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RunConfig, str]]:
    """Studies that would have been carried out, with their stored commands."""
    seen: list[tuple[RunConfig, str]] = []
    monkeypatch.setattr(actions, "_carried_out", lambda config, command, progress: seen.append((config, command)) or object())
    return seen


@pytest.mark.parametrize("output", ["/x/my run #2", "/x/a: b", "{x}", "2026", "no", "r\U0001f600n", " x ", "..."])
def test_any_name_of_an_output_folder_is_taken_as_it_is(output: str, asked: list[tuple[RunConfig, str]]) -> None:
    harness.run(STUDY, output=Path(output))
    harness.run(STUDY, output=output)
    assert [config.output for config, _ in asked] == [output, output]


def test_a_baseline_named_like_a_value_of_yaml_is_a_name(asked: list[tuple[RunConfig, str]]) -> None:
    arm = {"name": "no", "pairs": {"name": "bdhs"}, "align": {"name": "dpo"}}
    harness.run({**STUDY, "arms": [arm]}, baseline="no")
    assert asked[0][0].baseline == "no"


def test_the_stored_command_of_a_sweep_asks_for_the_same_sweep(asked: list[tuple[RunConfig, str]], tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(json.dumps(STUDY))
    given: dict[str, Any] = {"study": study, "data": "miniworld", "limit": 6, "items": ["1"], "output": tmp_path / "runs"}
    harness.sweep("miniworld", ["pope"], **given, changes={"seed": 3})
    eval(asked[0][1], {"harness": harness})
    assert asked[0] == asked[1] and asked[0][0].sweep[0].limit == 6 and asked[0][0].output == str(tmp_path / "runs")


def test_the_stored_command_of_a_run_asks_for_the_same_run(asked: list[tuple[RunConfig, str]]) -> None:
    harness.run("study:table6", {"seed": 3}, mini=True, baseline="bdhs-attn", output="my run #2")
    eval(asked[0][1], {"harness": harness})
    assert asked[0] == asked[1] and asked[0][0].output == "my run #2"


def test_arguments_at_their_default_are_not_in_the_stored_command(asked: list[tuple[RunConfig, str]]) -> None:
    harness.sweep("miniworld", ["pope"])
    harness.sweep(benchmarks=["pope"], limit=2)
    assert [command for _, command in asked] == [
        "harness.sweep('miniworld', ['pope'])",
        "harness.sweep(benchmarks=['pope'], limit=2)",
    ]
