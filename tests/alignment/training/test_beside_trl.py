"""Trainings equal TRL's, step by step: logs that TRL 1.16 wrote, see tests/campaigns/beside_trl/pairs.py for the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.campaigns.beside_trl import groups, pairs
from tests.campaigns.beside_trl.golden import golden_folder
from tests.campaigns.beside_trl.pairs import CASES, SLICE, ours

STORED = json.loads((Path(__file__).parents[1] / "data" / "beside_trl.json").read_text())["cases"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden_folder(tmp_path_factory.mktemp("golden") / "model")


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft 0.21 under transformers 5
@pytest.mark.parametrize("name", SLICE)
def test_a_training_equals_that_of_trl(name: str, model: Path, tmp_path: Path) -> None:
    log, _ = ours(CASES[name], model, tmp_path)
    theirs = STORED[name]
    assert len(log) == len(theirs) > 3
    for step, (row, their) in enumerate(zip(log, theirs, strict=True), start=1):
        for key, value in their.items():
            assert row[key] == pytest.approx(value, abs=1e-3, rel=1e-3), f"step {step}, {key}"


ROW = {"loss": 0.1, "grad_norm": 1.0, "learning_rate": 1e-3, groups.SCORES: 0.5}
BEFORE, AFTER = {"w": torch.zeros(2)}, {"w": torch.ones(2)}


def test_equal_logs_and_updates_are_equal() -> None:
    assert groups.departures(groups.Case(), ([ROW], AFTER), ([ROW], AFTER, BEFORE)) == []


def test_logs_without_a_step_are_a_difference() -> None:
    assert "0 steps here, 0 there" in groups.departures(groups.Case(moves=()), ([], AFTER), ([], AFTER, BEFORE))
    assert "0 steps here, 0 there" in pairs.departures(pairs.Case(), ([], AFTER), ([], AFTER, BEFORE))


@pytest.mark.parametrize("theirs", [{}, {"kl": 0.0}])
def test_a_value_that_no_step_compares_is_a_difference(theirs: dict[str, float]) -> None:
    case = groups.Case(moves=("kl",))
    found = groups.departures(case, ([ROW | {"kl": 0.0}], AFTER), ([ROW | theirs], AFTER, BEFORE))
    assert found == ["kl is compared in no step with a value above rounding"]


@pytest.mark.parametrize("value", [0.102, float("nan")])
def test_another_value_or_none_is_a_difference(value: float) -> None:
    found = groups.departures(groups.Case(), ([ROW | {"loss": value}], AFTER), ([ROW], AFTER, BEFORE))
    assert found == [f"step 1: loss {value:.6g} here, 0.1 there"]


def test_no_trained_weight_and_another_update_are_differences() -> None:
    assert groups.departures(groups.Case(), ([ROW], {}), ([ROW], {}, {}))
    assert groups.departures(groups.Case(), ([ROW], {"w": torch.tensor([1.0, 0.9])}), ([ROW], AFTER, BEFORE))
