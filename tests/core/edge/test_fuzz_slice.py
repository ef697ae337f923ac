"""A slice of the fuzz campaign (tests/campaigns/fuzz.py): the same few hundred mutated inputs every time."""

from __future__ import annotations

from tests.campaigns.fuzz import crashes, targets
from tests.campaigns.fuzz_folders import folder_targets

_SLOW = ("world object_halbench", "world mmhal_bench_v")  # the same files as chair and mmhal_bench


def test_mutated_inputs_raise_the_projects_own_errors_only() -> None:
    assert not list(crashes(20.0, seed=0, only=targets().keys() - folder_targets().keys(), rounds=8))


def test_damaged_folders_raise_the_projects_own_errors_only() -> None:
    assert not list(crashes(20.0, seed=0, only=folder_targets().keys() - set(_SLOW), rounds=1))
