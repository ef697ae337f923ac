"""A slice of the fuzz campaign (tests/campaigns/fuzz.py): the same few hundred mutated inputs every time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.campaigns import fuzz
from tests.campaigns.fuzz import crashes, targets
from tests.campaigns.fuzzing.folders import folder_targets
from tests.campaigns.fuzzing.limits import Note, Spent, is_out_of_memory, limited

_SLOW = ("world object_halbench", "world chair_open", "world mmhal_bench_v")  # the same files as chair and mmhal_bench
_FILES = sorted(targets().keys() - folder_targets().keys())


def test_mutated_inputs_raise_the_projects_own_errors_only() -> None:
    assert not list(crashes(30.0, seed=0, only=_FILES, rounds=5))


def test_damaged_folders_raise_the_projects_own_errors_only() -> None:
    assert not list(crashes(30.0, seed=0, only=folder_targets().keys() - set(_SLOW), rounds=1))


def test_every_preference_source_is_tried() -> None:
    from harness.core import registry

    tried = {name.rpartition(" ")[2] for name in targets()}
    assert set(registry.names("source")) - {"union", "joined"} <= tried | {"mmpr"}  # both are made of the others


def test_an_input_that_takes_memory_or_time_is_named_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(draw: object, folder: Path) -> None:
        if len(calls) == 2:
            Spent.excesses = lambda self: [("took too much memory", "9 GiB\n")]  # type: ignore[method-assign]
        calls.append(1)

    calls: list[int] = []
    monkeypatch.setattr(Spent, "excesses", lambda self: [])
    monkeypatch.setattr(fuzz, "targets", lambda: {"hungry": hungry})
    (found,) = crashes(30.0, seed=4, rounds=3)
    assert found == "hungry: took too much memory (seed 4, number 2)\n9 GiB\n"


def test_time_and_memory_of_an_input_are_measured() -> None:
    with limited(deadly=False) as spent:
        block = bytearray(b"x" * (80 << 20))
        ends = time.process_time() + 0.05
        while time.process_time() < ends:
            pass
    assert 0.05 <= spent.seconds < 5 and 0.07 < spent.gib < 1 and block
    assert Spent(11.0, 3.0).excesses() == [("took too long", "11 s of CPU\n"), ("took too much memory", "3.0 GiB\n")]


def test_memory_that_was_refused_is_found_behind_our_own_error() -> None:
    try:
        try:
            raise MemoryError
        except MemoryError as error:
            raise ValueError("x") from error
    except ValueError as error:
        assert is_out_of_memory(error) and not is_out_of_memory(ValueError("x"))


def test_a_note_keeps_the_last_input_and_the_counts(tmp_path: Path) -> None:
    note = Note(tmp_path / "input")
    assert note.counts == {}
    note.write("pope", 7, {"pope": 8, "chair": 2})
    assert (note.last, note.counts) == (("pope", 7), {"pope": 8, "chair": 2})
