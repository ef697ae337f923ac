"""A digest is computed again when the state of its files has changed, and not before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.storage.remembered_digests import RememberedDigests

STATE = (("a", (1, 2)), ("b", (3, 4)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "digests.json"


def gives(digest: str) -> Callable[[], str]:
    return lambda: digest


def test_another_process_takes_it_as_long_as_the_state_stays(file: Path) -> None:
    assert RememberedDigests(file).digest("m", STATE, gives("old")) == "old"
    assert RememberedDigests(file).digest("m", STATE, gives("new")) == "old"
    assert RememberedDigests(file).digest("m", STATE[:1], gives("new")) == "new"


def test_one_that_does_not_last_is_known_to_this_process_alone(file: Path) -> None:
    here = RememberedDigests(file)
    here.digest("m", STATE, gives("old"))
    assert here.digest("m", STATE[:1], gives("short"), lasting=False) == "short"
    here.digest("another", STATE, gives("other"))
    assert here.digest("m", STATE[:1], gives("new")) == "short"
    assert RememberedDigests(file).digest("m", STATE[:1], gives("new")) == "new"


@pytest.mark.parametrize("text", ["{half", "3", "[1]"])
def test_a_damaged_file_only_costs_time(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)
    assert RememberedDigests(file).digest("m", STATE, gives("new")) == "new"


def test_a_folder_that_cannot_be_written_to_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert RememberedDigests(tmp_path / "cache" / "digests.json").digest("m", STATE, gives("new")) == "new"
