"""`harness check`: a benchmark whose examples no longer hold is named with what it scored instead."""

from __future__ import annotations

import pytest

from harness.core.evaluation import Example
from harness.evaluation import self_check as checking


def test_the_examples_of_benchmarks_that_need_no_language_data_hold() -> None:
    assert [c.fault for c in checking.check(["pope", "gqa", "textvqa"])] == ["", "", ""]


def test_an_example_that_does_not_hold_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.pope import Pope

    item = Pope.examples[0].item
    monkeypatch.setattr(Pope, "examples", (Example(item, "No.", {"wrong": 1.0}),))
    (found,) = checking.check(["pope"])
    assert "'No.' scores" in found.fault and "not {'wrong': 1.0}" in found.fault


def test_an_unknown_name_is_a_fault_and_not_a_crash() -> None:
    (found,) = checking.check(["popee"])
    assert "Did you mean 'pope'" in found.fault
