"""Arms side by side: their order, what a failed one costs the others, and what is asked of the fleet."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.config import schema
from harness.config.fleet_form import ALONE, ArmResources
from harness.config.schema import Arm
from harness.core.errors import ConfigError, HarnessError, ModelError, TrainingError
from harness.core.plugins import no_progress
from harness.fleet import ray_train, worker_pool
from harness.fleet.ray_train import check_resources
from harness.run import pipeline
from harness.run.on_fleet import arm_training, left_by_training
from harness.run.on_fleet.together import Together
from harness.storage.run_store import Store
from tests.fleet import session_steps
from tests.fleet.fake_cluster import FakeCluster

POOL: Any = SimpleNamespace(release=lambda: None, cluster=FakeCluster())


def study(**after: str | None) -> schema.RunConfig:
    arms = [
        {"name": n, "pairs": {"name": "bdhs"}, "align": {"name": "dpo"}, **({"after": a} if a else {})}
        for n, a in after.items()
    ]
    model = {"name": "transformers", "path": "m"}
    return schema.parse({"model": model, "data": "d", "arms": arms, "sweep": [{"name": "pope"}]})


def names(groups: Any) -> list[list[str]]:
    return [[arm.name for arm in group] for group in groups]


def test_in_one_process_arms_come_one_after_the_other() -> None:
    assert names(Together(study(a=None, b=None, c="a"), None).groups()) == [["a"], ["b"], ["c"]]


def test_on_a_fleet_arms_that_need_nothing_of_each_other_come_together() -> None:
    config = study(a=None, b=None, c="a", d="c", e="b")
    assert names(Together(config, POOL).groups()) == [["a", "b"], ["c", "e"], ["d"]]


def test_a_failed_arm_stops_only_those_that_go_on_from_it() -> None:
    config, did = study(a=None, b=None, c="a", d="b"), list[str]()
    together = Together(config, POOL)

    def work(arm: Arm) -> None:
        if arm.name == "a":
            raise TrainingError("no pair is left")
        did.append(arm.name)

    for group in together.groups():
        together.each(group, work)
    assert sorted(did) == ["b", "d"]
    with pytest.raises(
        TrainingError, match=r"2 of 4 arms failed; the others are done\.[^\n]*\n  a: no pair is left\n  c: it needs a"
    ):
        together.raise_failed()


def test_where_ray_itself_ended_no_arm_is_blamed() -> None:
    def ended() -> None:
        raise ModelError("Ray has ended.")

    def work(arm: Arm) -> None:
        raise TrainingError("The actor 4e4803e7 is unavailable")

    pool: Any = SimpleNamespace(release=lambda: None, cluster=SimpleNamespace(require_alive=ended))
    with pytest.raises(ModelError, match=r"^Ray has ended\.$"):
        Together(study(a=None, b=None), pool).each(study(a=None, b=None).arms, work)


def test_in_one_process_the_first_error_ends_the_run() -> None:
    def work(arm: Arm) -> None:
        raise TrainingError(arm.name)

    with pytest.raises(TrainingError, match="a"):
        Together(study(a=None, b=None), None).each(study(a=None, b=None).arms, work)


@pytest.mark.parametrize(("workers", "gpus"), [(9, 0), (1, 5), (3, 2)])
def test_an_arm_that_asks_for_more_than_the_fleet_has_is_refused_at_once(workers: int, gpus: float) -> None:
    cluster: Any = FakeCluster(gpus=4, cpus=8)
    asked = ArmResources(workers=workers, gpus=gpus, sharded=False)
    processes = f"{workers} process{'es' if workers > 1 else ''}"
    with pytest.raises(ConfigError, match=f"Arm dpo asks for {processes} with {gpus} GPUs .* have 4 GPUs and 8 CPUs"):
        check_resources("dpo", asked, cluster)


def test_an_arm_that_says_nothing_takes_one_gpu_where_there_are_any() -> None:
    check_resources("dpo", ALONE, FakeCluster(gpus=1))  # type: ignore[arg-type]
    check_resources("dpo", ALONE, FakeCluster(gpus=0))  # type: ignore[arg-type]


@pytest.fixture
def trained_here(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Arms are trained by one process, which is this one, and answers are given by it too; what each arm was trained with."""
    asked, one_at_a_time = list[dict[str, Any]](), threading.Lock()  # two checkpoints cannot be loaded at once in a process

    def in_this_process(work: Any, given: dict[str, Any], name: str, resources: ArmResources, *_: Any) -> None:
        asked.append({"name": name, "workers": resources.workers, "sharded": given["sharded"]})
        try:
            with one_at_a_time:
                work(given)
        except HarnessError as error:
            raise TrainingError("Worker group failed") from error  # all that is known of another process's error

    monkeypatch.setattr(ray_train, "train_with_ray", in_this_process)
    monkeypatch.setattr(worker_pool, "RayCluster", FakeCluster())
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "false")
    return asked


@pytest.mark.parametrize("starts", [1, 2, 3])
def test_processes_that_were_lost_and_started_again_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: int
) -> None:
    config, said = study(a=None), list[str]()
    (arm,) = config.arms
    training = arm_training.ArmTraining(config, tmp_path, Path(), None, no_progress, said.append)  # type: ignore[arg-type]
    (place := training.place(arm)).mkdir(parents=True)
    (place / "starts.txt").write_text("started\n" * 7)  # of an earlier training

    def together(*_: Any) -> None:
        for _again in range(starts):
            left_by_training.note_start(place)
        (place / "trained.json").write_text('{"log": [], "folder": "train", "step": 3, "notes": []}')

    monkeypatch.setattr(ray_train, "train_with_ray", together)
    base: Any = SimpleNamespace(checkpoint=SimpleNamespace(digest="d"))
    assert training.train_on_fleet(SimpleNamespace(cluster=None), arm, base).step == 3  # type: ignore[arg-type]
    told = ["", "1 new start", "2 new starts"][starts - 1]
    assert [told in text and "a process of its training was lost" in text for text in said] == [True] * bool(told)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_failed_arm_is_named_and_the_others_are_trained_and_swept(
    world: Path, tmp_path: Path, trained_here: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    """One process that fails ends quietly, since it would be started again; several end with an error that ends them all."""
    monkeypatch.setattr(arm_training, "workers", lambda: SimpleNamespace(count=processes, is_main=True))
    arms = session_steps.arms(whole={}, broken={"workers": 2, "sharded": True})
    arms[1]["align"]["training"] = {**session_steps.TRAINING, "max_length": 3}  # every pair is too long
    pope = {"name": "pope", "splits": ["random"], "limit": 12}
    config = session_steps.study(str(world), tmp_path, arms=arms, sweep=[pope], fleet={"workers": 1})
    with pytest.raises(HarnessError, match=r"1 of 2 arms failed; .*\n  broken: No preference pair is left to train on"):
        pipeline.run(config, "test")
    with Store(tmp_path / "store.sqlite") as store:
        (run,) = store.runs()
        assert [result.label for result in store.results(run.id)] == ["base", "whole"]
        assert run.status == "stopped: TrainingError"
    asked = {one.pop("name"): one for one in trained_here}
    assert asked == {"whole": {"workers": 1, "sharded": False}, "broken": {"workers": 2, "sharded": True}}


def test_where_an_arm_is_trained_changes_nothing_of_a_runs_identity(tmp_path: Path) -> None:
    plain = study(a=None)
    (arm,) = plain.arms
    wide = plain.model_copy(
        update={"arms": [arm.model_copy(update={"resources": ArmResources(workers=4, gpus=1, sharded=True)})]}
    )
    assert wide.digest == plain.digest and wide.as_yaml() == plain.as_yaml()
