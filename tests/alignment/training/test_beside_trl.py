"""Trainings equal TRL's, step by step: logs that TRL 1.16 wrote, see tests/campaigns/beside_trl.py for the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.campaigns.beside_trl import CASES, SLICE, golden_folder, ours

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
