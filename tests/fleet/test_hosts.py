"""Three hosts in network namespaces, with real Ray nodes: the bytes of one process, also when a host is cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fleet import in_own_network

pytestmark = [in_own_network.needs_namespace, pytest.mark.slow, pytest.mark.timeout(1200)]
pytest.importorskip("pyarrow", reason="Ray Train needs pyarrow: pip install 'mm-align-harness[ray]'")


@pytest.fixture(scope="module")
def found(world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return in_own_network.outcomes("hosts_session.py", world, tmp_path_factory)


@pytest.mark.parametrize("workers", ["1", "2", "4"])
def test_a_sweep_has_the_bytes_of_one_process_with_any_number_of_workers(found: dict[str, Any], workers: str) -> None:
    for what in ("run", "keys", "answers", "report", "status"):
        assert found[workers][what] == found["alone"][what], what


def test_four_workers_are_on_all_hosts(found: dict[str, Any]) -> None:
    assert found["hosts"] == ["h0", "h1", "h2"]


def test_a_study_with_two_arms_has_the_bytes_of_one_process(found: dict[str, Any]) -> None:
    assert found["arms"]["report"] == found["arms alone"]["report"]


def test_a_host_that_is_cut_off_is_waited_for_no_longer_than_it_takes_to_notice(found: dict[str, Any]) -> None:
    """Whether its worker had a wave under way when the link went down is a matter of chance, and so is what it lost."""
    cut = found["cut off"]
    assert cut["deeds"]["doubled"] == 0
    assert cut["answers"] == found["alone"]["answers"] and cut["report"] == found["alone"]["report"]
    assert cut["took_s"] < 300
