"""Weights that are not numbers stop a sweep: an answer drawn from them would be scored like any other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.core.errors import ModelError
from harness.core.evaluation import Decoding, Request
from harness.models._engine.decoding import RowState, next_tokens
from harness.models.transformers import TransformersModel


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_not_finite_are_refused(value: float, temperature: float) -> None:
    logits = torch.zeros(2, 5)
    logits[1, 3] = value
    rows = [RowState(Decoding(temperature=temperature), frozenset({0}), None) for _ in range(2)]
    with pytest.raises(ModelError, match="logits are not finite"):
        next_tokens(logits, rows, frozenset({0}))


def test_a_token_that_is_ruled_out_is_not_a_fault() -> None:
    logits = torch.tensor([[0.0, 1.0, float("-inf")]])
    assert next_tokens(logits, [RowState(Decoding(), frozenset({0}), None)], frozenset({0})) == [1]


def test_a_model_with_a_broken_head_stops_with_a_message(llava_folder: Path, images: list[Path]) -> None:
    model = TransformersModel(str(llava_folder), device="cpu")
    with torch.no_grad():
        model.head().weight[0, 0] = float("nan")
    with pytest.raises(ModelError, match="logits are not finite"):
        list(model.generate([Request(images[0], "What is it?", Decoding(max_new_tokens=2))]))
