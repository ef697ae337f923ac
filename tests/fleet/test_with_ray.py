"""Real Ray with real workers: the bytes of one process with any number of workers, and whatever is lost on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fleet import in_own_network

pytestmark = [in_own_network.needs_namespace, pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def found(world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return in_own_network.outcomes("ray_session.py", world, tmp_path_factory)


@pytest.mark.parametrize("name", ["one", "two", "killed", "after the poison"])
def test_run_id_answers_and_report_are_those_of_one_process(found: dict[str, Any], name: str) -> None:
    for what in ("run", "keys", "answers", "report", "status"):
        assert found[name][what] == found["alone"][what], what


def test_both_workers_and_all_waves_were_at_work(found: dict[str, Any]) -> None:
    assert found["two"]["deeds"]["units"] > 4 and found["two"]["deeds"]["lost"] == 0
    assert "answered" in " ".join(found["two"]["said"])


def test_pairs_are_those_of_one_process(found: dict[str, Any]) -> None:
    assert found["pairs"]["fleet"] == found["pairs"]["alone"] != []


def test_a_killed_worker_is_replaced_and_its_wave_is_answered_once(found: dict[str, Any]) -> None:
    deeds = found["killed"]["deeds"]
    assert (deeds["lost"], deeds["doubled"]) == (1, 0)


def test_a_wave_that_kills_its_workers_is_missing_with_its_reason_until_the_next_run(found: dict[str, Any]) -> None:
    outcome = found["poisoned"]
    reasons = [why for missing in outcome["missing"] for why in missing.values()]
    assert reasons and all("lost 3 workers and is set aside" in why for why in reasons)
    assert outcome["status"] == f"complete but for {len(reasons)} items without an answer"
    assert len(outcome["answers"]) == len(found["alone"]["answers"]) - len(reasons)


def test_several_checkpoints_in_one_command_are_the_runs_that_each_is_alone(found: dict[str, Any]) -> None:
    several = found["several"]
    assert several["fleet"] == several["alone"]
    assert several["with host"] == several["answers"] > 0
    assert several["loads"] <= 4  # two workers, two checkpoints
