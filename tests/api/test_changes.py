"""Arguments of Python calls reach the study as they were given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import harness
from harness.api import actions
from harness.api.benchmarks import LoadedBenchmark
from harness.config.schema import RunConfig
from harness.core.errors import ConfigError

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


def test_no_output_is_the_folder_of_the_study(asked: list[tuple[RunConfig, str]], tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(json.dumps({**STUDY, "output": "its own"}))
    harness.sweep("miniworld", ["pope"], output=None)
    harness.sweep(study=study, output=None)
    harness.run({**STUDY, "output": "its own"}, output=None)
    assert [config.output for config, _ in asked] == ["runs", "its own", "its own"]


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


@pytest.mark.parametrize("three", [np.int64(3), np.array(3), torch.tensor(3)], ids=["scalar", "array", "tensor"])
def test_numbers_of_other_libraries_are_numbers(three: object, asked: list[tuple[RunConfig, str]]) -> None:
    harness.sweep(Path("miniworld"), np.array(["pope"]), limit=three, changes={"seed": three, "data": Path("miniworld")})
    harness.run({**STUDY, "seed": three}, {"sweep.pope.limit": three})
    for config, command in asked:
        assert (config.seed, config.data, config.sweep[0].limit) == (3, "miniworld", 3) and "int64" not in command


def test_a_text_is_a_list_of_one(asked: list[tuple[RunConfig, str]]) -> None:
    harness.sweep("miniworld", "pope", items="1")
    ((config, command),) = asked
    assert [(spec.name, spec.items) for spec in config.sweep] == [("pope", ["1"])]
    assert command == "harness.sweep('miniworld', ['pope'], items=['1'])"


@pytest.mark.parametrize(("name", "options", "says"), [
    ("popee", {}, "There is no benchmark named 'popee'. Did you mean 'pope'?"),
    ("pope", {"spilts": ["random"]}, "1 fault in the options of pope:\n  - the benchmark 'pope' has no option 'spilts'."),
    ("pope", {"limit": 0}, "1 fault in the options of pope:\n  - limit: "),
])  # fmt: skip
def test_faults_of_a_loaded_benchmark_name_no_sweep(name: str, options: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        harness.load_benchmark(name, output=tmp_path, **options)
    assert str(caught.value).startswith(says) and "sweep" not in str(caught.value)


@pytest.mark.parametrize("value", [object(), b"x", {1, 2}, np.datetime64("2026-01-01"), 1j])
def test_a_value_without_a_form_in_yaml_is_named(value: object) -> None:
    with pytest.raises(ConfigError, match="the change of seed is .* of the type"):
        harness.sweep("miniworld", ["pope"], changes={"seed": value})


def test_changes_that_are_no_texts_are_refused() -> None:
    for wrong in ("seed=1", [1], [("seed", 1)]):
        with pytest.raises(ConfigError, match="Give a mapping"):
            harness.sweep("miniworld", ["pope"], changes=wrong)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pope(whole_world: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedBenchmark:
    runs = tmp_path_factory.mktemp("runs")
    (runs / "miniworld").symlink_to(whole_world / "miniworld")  # drawn before
    return harness.load_benchmark("pope", output=runs, limit=np.int64(4))


@pytest.mark.parametrize("nothing", [None, float("nan"), np.float32("nan"), pd.NA], ids=str)
def test_none_and_nan_are_no_answers(nothing: Any, pope: LoadedBenchmark) -> None:
    first, *others = pope.prompts()
    found = pope.score({first: nothing} | dict.fromkeys(others, "Yes.")).items()
    assert found.missing.notna().tolist() == [True, False, False, False]


def test_an_answer_that_is_no_text_is_refused_with_its_item(pope: LoadedBenchmark) -> None:
    with pytest.raises(ConfigError, match="is True. Give a text"):
        pope.score(dict.fromkeys(pope.prompts(), True))
    with pytest.raises(ConfigError, match=r"no item 1 \(1 unknown ids\)"):
        pope.score({1: "Yes."} | dict.fromkeys(pope.prompts(), "Yes."))  # type: ignore[dict-item]
    with pytest.raises(ConfigError, match="Give a mapping"):
        pope.score(["Yes."])  # type: ignore[arg-type]


def test_answers_from_elsewhere_are_reported_with_their_data(pope: LoadedBenchmark) -> None:
    scored = pope.score(dict.fromkeys(pope.prompts(), "Yes."))
    assert "data miniworld" in scored.render("markdown")
