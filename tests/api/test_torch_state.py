"""A call of the Python interface neither takes over what a notebook has set of torch, nor leaves settings of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import harness
from harness.api import actions
from harness.run import pipeline


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def called(monkeypatch: pytest.MonkeyPatch, around: AbstractContextManager[Any], work: Callable[[], object]) -> list[object]:
    """What `work` gives where a run would be, in a call of `harness.sweep` inside of `around`."""
    seen: list[object] = []
    monkeypatch.setattr(pipeline, "run", lambda *words: seen.append(work()) or SimpleNamespace(run_id="x"))
    monkeypatch.setattr(actions, "RunStore", lambda output: SimpleNamespace(run=lambda name: None))
    with around, pytest.raises(AssertionError):  # there is no run
        harness.sweep("miniworld", ["pope"], progress=harness.silent)
    return seen


def computed() -> tuple[object, ...]:
    made = torch.ones(2, requires_grad=True) @ torch.ones(2, 2)
    return made.dtype, made.device.type, made.requires_grad, torch.is_inference_mode_enabled()


@pytest.mark.parametrize(
    "around",
    [
        default_dtype(torch.float64),
        default_dtype(torch.bfloat16),
        torch.autocast("cpu", dtype=torch.bfloat16),
        torch.no_grad(),
        torch.inference_mode(),
        torch.device("meta"),
    ],
)
def test_what_a_notebook_has_set_changes_no_number(monkeypatch: pytest.MonkeyPatch, around: Any) -> None:
    assert called(monkeypatch, around, computed) == [(torch.float32, "cpu", True, False)]


def test_random_state_threads_and_the_default_type_are_the_callers_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        torch.manual_seed(1)
        torch.set_num_threads(before[0] + 1)

    torch.manual_seed(7)
    before = (torch.get_num_threads(), torch.get_rng_state().tolist())
    called(monkeypatch, default_dtype(torch.float64), work)
    assert (torch.get_num_threads(), torch.get_rng_state().tolist()) == before
    assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()
