"""Arms side by side: their order, what a failed one costs the others, and what is asked of the fleet."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.config import schema
from harness.config.fleet_form import ALONE, ArmResources
from harness.config.schema import Arm
from harness.core.errors import ConfigError, TrainingError
from harness.fleet.gang import check_room
from harness.run.on_fleet.together import Together
from tests.fleet.fake_cluster import FakeCluster

CREW: Any = SimpleNamespace(leave=lambda: None)


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
    assert names(Together(config, CREW).groups()) == [["a", "b"], ["c", "e"], ["d"]]


def test_a_failed_arm_stops_only_those_that_go_on_from_it() -> None:
    config, did = study(a=None, b=None, c="a", d="b"), list[str]()
    together = Together(config, CREW)

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


def test_in_one_process_the_first_error_ends_the_run() -> None:
    def work(arm: Arm) -> None:
        raise TrainingError(arm.name)

    with pytest.raises(TrainingError, match="a"):
        Together(study(a=None, b=None), None).each(study(a=None, b=None).arms, work)


@pytest.mark.parametrize(("workers", "gpus"), [(9, 0), (1, 5), (3, 2)])
def test_an_arm_that_asks_for_more_than_the_fleet_has_is_refused_at_once(workers: int, gpus: float) -> None:
    cluster: Any = FakeCluster(gpus=4, cpus=8)
    asked = ArmResources(workers=workers, gpus=gpus, sharded=False)
    with pytest.raises(ConfigError, match=f"Arm dpo asks for {workers} processes with {gpus} GPUs .* have 4 GPUs and 8 CPUs"):
        check_room("dpo", asked, cluster)


def test_an_arm_that_says_nothing_takes_one_gpu_where_there_are_any() -> None:
    check_room("dpo", ALONE, FakeCluster(gpus=1))  # type: ignore[arg-type]
    check_room("dpo", ALONE, FakeCluster(gpus=0))  # type: ignore[arg-type]


def test_where_an_arm_is_trained_changes_nothing_of_a_runs_identity(tmp_path: Path) -> None:
    plain = study(a=None)
    (arm,) = plain.arms
    wide = plain.model_copy(
        update={"arms": [arm.model_copy(update={"resources": ArmResources(workers=4, gpus=1, sharded=True)})]}
    )
    assert wide.digest == plain.digest and wide.as_yaml() == plain.as_yaml()
