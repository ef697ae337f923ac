"""A study whose arms ask a server that the run starts itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alignment.sources import corruption
from harness.config import schema as config
from harness.core.errors import DataError, TrainingError
from harness.run import pipeline
from harness.run.on_fleet.arm_training import ArmTraining
from tests.end_to_end.conftest import SMALL
from tests.models.own_server.stand_in import noted, noting_server, runs

TRAINING = {"learning_rate": 3e-4, "batch_size": 4, "max_steps": 1}


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STAND_IN_SAYS", "A dragon.")
    return noting_server(tmp_path, monkeypatch)


def study(world: Path, tmp_path: Path, folder: Path) -> dict[str, Any]:
    pairs = {"name": "corruption", "limit": 4, "model": {"name": "openai", "path": str(folder), "serve": "vllm"}}
    arms = [
        {"name": name, "seed": n, "pairs": pairs, "align": {"name": "dpo", "training": TRAINING}} for n, name in enumerate("ab")
    ]
    where = {"data": str(world / "miniworld"), "output": str(tmp_path / "runs")}
    return SMALL | where | {"name": "served", "arms": arms, "sweep": [{"name": "pope", "limit_images": 1}]}


def test_two_arms_whose_source_asks_the_same_folder_start_one_server_that_training_does_not_meet(
    world: Path, tmp_path: Path, starts: Path, llava_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, seen, trained = list[int](), list[str](), ArmTraining.train

    def watched(self: ArmTraining, *args: Any) -> Any:
        done = trained(self, *args)
        beside.extend(note["pid"] for note in noted(starts).values() if runs(note["pid"]))
        return done

    monkeypatch.setattr(ArmTraining, "train", watched)
    outcome = pipeline.run(config.parse(study(world, tmp_path, llava_folder)), "test", say=seen.append)
    assert outcome is not None and len(noted(starts)) == 1 and not beside
    assert all((outcome.folder / "arms" / name / "alignment.json").is_file() for name in "ab")
    assert sum("4 pairs in" in line for line in seen) == 2


@pytest.mark.parametrize("error", [TrainingError("broken"), KeyboardInterrupt()])
def test_an_error_or_ctrl_c_on_the_way_leaves_no_server_behind(
    world: Path, tmp_path: Path, starts: Path, llava_folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def broken(*args: Any) -> None:
        raise error

    monkeypatch.setattr(corruption, "rejected_of", broken)
    with pytest.raises(type(error)) as held:  # with its frames, which hold the model
        pipeline.run(config.parse(study(world, tmp_path, llava_folder)), "test")
    assert len(noted(starts)) == 1 and held.tb is not None
    assert not any(runs(note["pid"]) for note in noted(starts).values())


def test_arguments_that_cannot_be_are_refused_before_the_base_is_swept(
    world: Path, tmp_path: Path, starts: Path, llava_folder: Path
) -> None:
    tree = study(world, tmp_path, llava_folder)
    model = {"name": "openai", "path": str(llava_folder), "serve": "vllm", "serve_args": ["--port=1"]}
    tree["arms"][1]["pairs"] = {**tree["arms"][1]["pairs"], "model": model}
    with pytest.raises(DataError, match="pairs of b: .*--port, which the harness sets"):
        pipeline.run(config.parse(tree), "test")
    assert not noted(starts)


def test_a_served_base_and_the_judges_of_two_benchmarks_on_the_same_folder_are_one_server(
    world: Path, tmp_path: Path, starts: Path, llava_folder: Path
) -> None:
    model = {"name": "openai", "path": str(llava_folder), "serve": "vllm"}
    judge = {"name": "chat", "model": model}
    sweep = [{"name": "mmhal_bench", "limit": 2, "judge": judge, "label": label} for label in ("first", "second")]
    tree = study(world, tmp_path, llava_folder) | {"model": model, "arms": [], "sweep": sweep}
    pipeline.run(config.parse(tree), "test")
    assert len(noted(starts)) == 1
    assert not any(runs(note["pid"]) for note in noted(starts).values())
