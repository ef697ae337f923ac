"""A study whose arms ask a server that the run starts itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alignment.sources import corruption
from harness.config import schema as config
from harness.config.schema import RunConfig
from harness.core.errors import DataError, ModelError, RunLocked, TrainingError
from harness.models._own_server import shared_servers
from harness.run import pipeline
from harness.run.on_fleet.arm_training import ArmTraining
from harness.storage.run_folder import locked
from harness.storage.run_store import Store
from tests.end_to_end.conftest import SMALL
from tests.models.own_server.stand_in import asked, noted, noting_server, runs

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


def sweep_of(world: Path, tmp_path: Path, folder: Path, **changes: Any) -> RunConfig:
    model = {"name": "openai", "path": str(folder), "serve": "vllm"}
    where = {"data": str(world / "miniworld"), "output": str(tmp_path / "runs")}
    sweep = [{"name": "pope", "limit_images": 1}]
    return config.parse({"name": "served", "model": model, "arms": [], "sweep": sweep} | where | changes)


def test_a_run_that_is_refused_or_done_starts_no_server(
    world: Path, tmp_path: Path, starts: Path, llava_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_servers, "installed_version", lambda name, executable: "9.9")
    chosen = sweep_of(world, tmp_path, llava_folder)
    done = pipeline.run(chosen, "test")
    assert done is not None and len(noted(starts)) == 1
    before = (done.folder / "report.json").read_bytes()
    with locked(done.folder), pytest.raises(RunLocked):
        pipeline.run(chosen, "test")
    again = pipeline.run(chosen, "test")
    assert again is not None and (again.folder / "report.json").read_bytes() == before and len(noted(starts)) == 1


def test_a_run_whose_answers_are_all_stored_starts_no_server(
    world: Path, tmp_path: Path, starts: Path, llava_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.run(sweep_of(world, tmp_path, llava_folder), "test")
    assert len(noted(starts)) == 1
    monkeypatch.setattr(shared_servers, "installed_version", lambda name, executable: "9.9")
    other = pipeline.run(sweep_of(world, tmp_path, llava_folder, name="other"), "test")
    assert other is not None and len(noted(starts)) == 1 and len(asked(starts)) > 0


def test_a_run_under_another_version_than_was_installed_has_the_servers_own_in_its_protocol(
    world: Path, tmp_path: Path, starts: Path, llava_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_servers, "installed_version", lambda name, executable: "1.0")
    said: list[str] = []
    done = pipeline.run(sweep_of(world, tmp_path, llava_folder), "test", say=said.append)
    assert done is not None
    with Store(tmp_path / "runs" / "store.sqlite") as store:
        (result,) = store.results(done.run_id)
    assert result.protocol.facts["server"] == "vllm 9.9, started here" and result.is_whole
    assert sum("The model answers under other facts" in line for line in said) == 1


def test_a_judges_server_that_does_not_start_ends_the_run_before_anything_is_asked(
    world: Path, tmp_path: Path, starts: Path, llava_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_servers, "installed_version", lambda name, executable: "9.9")
    monkeypatch.setenv("STAND_IN_FIRST", "sys.exit(3)")
    judge = {"name": "chat", "model": {"name": "openai", "path": str(llava_folder), "serve": "vllm"}}
    sweep = [{"name": "mmhal_bench", "limit": 2, "judge": judge}]
    with pytest.raises(ModelError, match="The vllm server ended with exit code 3 at its start"):
        pipeline.run(sweep_of(world, tmp_path, llava_folder, model={"name": "scripted"}, sweep=sweep), "test")


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
