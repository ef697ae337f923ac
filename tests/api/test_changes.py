"""Arguments of Python calls reach the study as they were given."""

from __future__ import annotations

from pathlib import Path

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
