"""Arms trained through Ray Train by a real Ray: the losses of one process, whatever is killed on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fleet import in_own_network

pytestmark = [in_own_network.needs_namespace, pytest.mark.slow, pytest.mark.timeout(1200)]
pytest.importorskip("pyarrow", reason="Ray Train needs pyarrow: pip install 'mm-align-harness[ray]'")


@pytest.fixture(scope="module")
def found(world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return in_own_network.outcomes("arms_session.py", world, tmp_path_factory)


def test_two_processes_have_the_losses_of_one(found: dict[str, Any]) -> None:
    losses = found["losses"]
    assert len(losses["alone"]) == found["steps"]
    assert losses["whole"] == pytest.approx(losses["alone"], abs=1e-5)


def test_an_arm_that_lost_a_process_ends_in_the_same_bytes(found: dict[str, Any]) -> None:
    assert found["killed"] == 1
    assert found["losses"]["killed"] == found["losses"]["whole"]
    assert found["weights"]["killed"] == found["weights"]["whole"]


def test_a_failed_arm_is_named_and_the_others_are_trained_and_swept(found: dict[str, Any]) -> None:
    assert "1 of 3 arms failed" in found["said"] and "broken: No preference pair is left to train on" in found["said"]
    assert found["swept"] == ["base", "killed", "whole"]
