"""A real Ray on three hosts: the bytes of one process with any number of workers, whatever is lost on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fleet import in_own_network

pytestmark = [in_own_network.needs_ray, in_own_network.needs_namespace, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def found(world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return in_own_network.outcomes("fleet_session.py", world, tmp_path_factory)


@pytest.mark.parametrize("name", ["1", "2", "4", "killed", "after the poison", "cut off", "local"])
def test_run_id_answers_and_report_are_those_of_one_process(found: dict[str, Any], name: str) -> None:
    for what in ("run", "keys", "answers", "report", "status"):
        assert found[name][what] == found["alone"][what], what


def test_all_waves_were_at_work_on_all_hosts(found: dict[str, Any]) -> None:
    assert found["hosts"] == ["h0", "h1", "h2"]
    assert found["4"]["counts"]["units"] > 4 and found["4"]["counts"]["lost"] == 0
    assert "answered" in " ".join(found["4"]["said"])


def test_pairs_are_those_of_one_process(found: dict[str, Any]) -> None:
    assert found["pairs"]["fleet"] == found["pairs"]["alone"] != []


def test_several_checkpoints_in_one_command_are_the_runs_that_each_is_alone(found: dict[str, Any]) -> None:
    several = found["several"]
    assert several["fleet"] == several["alone"]
    assert several["with host"] == several["answers"] > 0
    assert several["loads"] <= 4  # two workers, two checkpoints


def test_the_ray_that_a_command_starts_by_itself_ends_with_it(found: dict[str, Any]) -> None:
    assert found["left over"] == 0


# ------------------------------------------------------------ losses


@pytest.mark.parametrize("name", ["killed", "cut off"])
def test_the_wave_of_a_worker_that_is_lost_is_answered_once_by_another(found: dict[str, Any], name: str) -> None:
    """By SIGKILL, and by taking down the link of its host, which is noticed and not waited for."""
    assert found[name]["counts"] | {"units": 0} == {"lost": 1, "retried": 1, "units": 0}


def test_a_wave_that_kills_its_workers_is_missing_with_its_reason_until_the_next_run(found: dict[str, Any]) -> None:
    outcome = found["poisoned"]
    reasons = [why for missing in outcome["missing"] for why in missing.values()]
    assert reasons and all("lost 1 worker and is set aside" in why for why in reasons)
    assert outcome["status"] == f"complete but for {len(reasons)} items without an answer"
    assert len(outcome["answers"]) == len(found["alone"]["answers"]) - len(reasons)
    assert outcome["counts"]["lost"] == 1


def test_a_worker_that_is_lost_is_replaced(found: dict[str, Any]) -> None:
    assert found["poisoned"]["workers"] == 3


# ------------------------------------------------------------ arms, through Ray Train


def test_a_study_with_two_arms_has_the_report_of_one_process(found: dict[str, Any]) -> None:
    """Also where one of an arm's two processes was killed: a step has one pair a process, so that no sum has another order."""
    assert found["arms"]["report"] == found["arms alone"]["report"]


@pytest.mark.parametrize("arm", ["two", "sharded"])
def test_two_processes_have_the_losses_of_one(found: dict[str, Any], arm: str) -> None:
    """With whole weights in each, and with a part of them (FSDP2)."""
    losses = found["trained"]["two"]["losses"] if arm == "two" else found["sharded"]["losses"]
    assert found["sharded"]["divided"]
    assert len(losses) == 4
    assert losses == pytest.approx(found["trained alone"]["two"]["losses"], abs=1e-5)


def test_an_arm_that_lost_a_process_ends_in_the_same_bytes(found: dict[str, Any]) -> None:
    assert found["a process was killed"]
    assert found["trained"] == found["trained alone"]
