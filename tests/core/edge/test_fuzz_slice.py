"""A slice of the fuzz campaign (tests/campaigns/fuzz.py): the same few hundred mutated inputs every time."""

from __future__ import annotations

from tests.campaigns.fuzz import crashes


def test_mutated_inputs_raise_the_projects_own_errors_only() -> None:
    assert not list(crashes(20.0, seed=0, rounds=8))
