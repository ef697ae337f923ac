"""What Python's functions cannot use is our own error, raised where it is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from typer.testing import CliRunner

import harness
from harness.api.results import Results
from harness.cli import app
from harness.core.errors import ConfigError, DataError, HarnessError, StoreError
from tests.api.test_changes import STUDY
from tests.api.test_results import results
from tests.api.test_stored import kept

h = cast(Any, harness)  # calls that a type checker would refuse

WRONG: dict[str, Callable[[Path], object]] = {
    "the study is 3": lambda runs: h.run(3),
    "the study is .1.": lambda runs: h.run([1]),
    "the study is 4": lambda runs: h.sweep(study=4),
    "mini is 'x'": lambda runs: h.run("study:table6", mini="x"),
    "the model is 3": lambda runs: h.sweep(3, ["pope"]),
    "benchmarks is .'pope': ..": lambda runs: h.sweep("miniworld", {"pope": {}}),
    "items is .1.": lambda runs: h.sweep("miniworld", "pope", items=[1]),
    "progress is 3": lambda runs: h.sweep("miniworld", "pope", progress=3, output=runs),
    "progress is <class": lambda runs: h.annotators({}, progress=harness.ProgressBars),
    "the configuration is 3": lambda runs: h.annotators(3),
    "the benchmark is None": lambda runs: h.load_benchmark(None),
    "data is None": lambda runs: h.load_benchmark("pope", data=None),
    "output is 3": lambda runs: h.load_benchmark("pope", output=3),
    "output is 4": lambda runs: h.open_store(4),
    "the run is 3": lambda runs: h.open_store(runs)[3],
    "the arm is 3": lambda runs: h.open_store(runs)["one"].pairs(3),
    "the policy is .1.": lambda runs: h.gate("one", policy=[1], output=runs),
    "checkpoints is 3": lambda runs: h.gate("one", checkpoints=3, output=runs),
    "3 is not a run": lambda runs: h.gate(3, output=runs),
    "Give at least one run": lambda runs: h.gate(output=runs),
    "None is not a run": lambda runs: h.compare(None, output=runs),
    "Write . before a list of them": lambda runs: h.compare(["one"], output=runs),
    "Give at least one run: ": lambda runs: h.compare(output=runs),
    "names is .1.": lambda runs: h.compare("one", names=[1], output=runs),
    "names has 0 names for 1 run": lambda runs: h.compare("one", names=[], output=runs),
    "names has 2 names for 1 run": lambda runs: h.compare("one", names=["a", "b"], output=runs),
    "labels is 3": lambda runs: h.compare("one", labels=3, output=runs),
    "published is 'table 6'": lambda runs: h.compare("one", published="table 6", output=runs),
    "baseline is 3": lambda runs: h.compare("one", baseline=3, output=runs),
    "is named twice": lambda runs: h.compare("one", "one", output=runs),
    "style is 3": lambda runs: cast(Any, results()).render(3),
    "style is .1.": lambda runs: cast(Any, results()).export([1], runs),
    "folder is 3": lambda runs: cast(Any, results()).export("eee", 3),
}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    kept(tmp_path, json.dumps(STUDY))
    return tmp_path


@pytest.mark.parametrize("words", WRONG)
def test_an_argument_of_another_kind_is_named(words: str, runs: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        WRONG[words](runs)


EMPTY: dict[str, Callable[[Any], object]] = {
    "benchmarks": lambda none: h.sweep("miniworld", none),
    "items": lambda none: h.sweep("miniworld", "pope", items=none),
    "items ": lambda none: h.load_benchmark("pope", items=none),
    "checkpoints": lambda none: h.gate("one", checkpoints=none),
}


@pytest.mark.parametrize("none", [[], (), np.array([])], ids=["list", "tuple", "array"])
@pytest.mark.parametrize("what", EMPTY)
def test_a_choice_of_nothing_is_not_taken_for_all(what: str, none: object) -> None:
    with pytest.raises(ConfigError, match=f"{what.strip()} is an empty list. Name at least one, or leave .* out for all"):
        EMPTY[what](none)


def test_a_run_that_is_not_there_is_told_before_a_table_is_asked_for(runs: Path) -> None:
    with pytest.raises(StoreError, match="There is no run 'two'"):
        harness.compare("one", "two", output=runs)
    with pytest.raises(StoreError, match="There is no run store"):
        harness.compare("one", output=runs / "elsewhere")
    with pytest.raises(DataError, match="There is no revision 'nope'"):
        harness.compare("one", labels=["nope"], output=runs)
    assert isinstance(harness.compare("one", output=runs), Results)


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_our_own_error(place: str, runs: Path) -> None:
    (runs / "file").touch()
    for ask in (results().export, lambda style, folder: harness.load_benchmark("pope", output=folder)):
        with pytest.raises(HarnessError, match=r"file.*: (File exists|Not a directory)\. Check the path and its permissions"):
            ask("inspect", runs / place)


def test_pairs_of_an_arm_that_the_run_does_not_have_are_refused(runs: Path) -> None:
    with pytest.raises(ConfigError, match="has no arm 'dpo'. Its arms: none"):
        harness.open_store(runs)["one"].pairs("dpo")


@pytest.mark.parametrize("words", [["--policy", "/nope.yaml"], ["--policy", "default", "--dry-run"]])
def test_a_policy_without_until_is_refused(words: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["sweep", "--benchmarks", "pope", "--output", str(tmp_path / "runs"), *words])
    assert isinstance(done.exception, ConfigError) and "read by `--until decided` alone" in str(done.exception)
    assert not (tmp_path / "runs").exists()
