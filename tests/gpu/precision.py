"""How far numbers in bfloat16 are from those in float32: the engine's, and those of transformers' own pass with a cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

_WORSE = 1.5  # by so much the engine's mean error may exceed transformers'


def errors(folder: Path, images: list[Path], device: str, tokens: int) -> dict[str, Any]:
    """Mean absolute errors of logits along answers that the engine writes in bfloat16.

    The reference computes in float32 with the same weights, which bfloat16 holds exactly. Raises AssertionError where the
    engine is less exact than transformers.
    """
    from harness.core.evaluation import Decoding, Request
    from harness.models.transformers import TransformersModel

    rounded = TransformersModel(str(folder), device=device, dtype="bfloat16", threads=1)
    exact = TransformersModel(str(folder), device=device, dtype="float32", threads=1)
    for weight, theirs in zip(exact.module.parameters(), rounded.module.parameters(), strict=True):
        weight.data.copy_(theirs)
    ours, plain, same = list[Tensor](), list[Tensor](), [0, 0, 0]
    for image in images:
        request = Request(image, "Please describe this image in detail.", Decoding(tokens, min_new_tokens=tokens))
        with chosen_from() as logits:
            (answer,) = [a for part in rounded.generate([request]) for _, a in part]
        inputs = rounded.one_by_one().inputs(request, [])
        reference = _logits(exact.module, {**inputs, "pixel_values": inputs["pixel_values"].float()}, answer.token_ids)
        found = torch.cat(logits).float(), _logits(rounded.module, inputs, answer.token_ids)
        for kept, own in zip((ours, plain), found, strict=True):
            kept.append((own - reference).abs().mean())
        same = [
            n + int((own.argmax(-1) == reference.argmax(-1)).sum()) for n, own in zip(same, (*found, reference), strict=True)
        ]
    engine, transformers = (float(torch.stack(kept).mean()) for kept in (ours, plain))
    assert engine <= _WORSE * transformers, (
        f"the engine's logits are {engine:.4g} from float32, transformers' {transformers:.4g}"
    )
    choices = f"{same[0]} and {same[1]} of {same[2]}"
    return {"engine": engine, "transformers": transformers, "choices as in float32, engine and transformers": choices}


@contextmanager
def chosen_from() -> Iterator[list[Tensor]]:
    """The logits (1, V) that tokens are chosen from."""
    from harness.models._engine import running_batch

    real, kept = running_batch.next_tokens, list[Tensor]()

    def noted(logits: Tensor, *given: Any) -> list[int]:
        kept.append(logits.clone())
        return real(logits, *given)

    with patch.object(running_batch, "next_tokens", noted):
        yield kept


@torch.inference_mode()
def _logits(module: Any, inputs: dict[str, Tensor], answer: tuple[int, ...]) -> Tensor:
    """(n, V) in float32, one step at a time over transformers' own cache."""
    out = module(**inputs, use_cache=True)
    found = [out.logits[0, -1]]
    for token in answer[:-1]:
        given = torch.tensor([[token]], device=out.logits.device)
        out = module(input_ids=given, past_key_values=out.past_key_values, use_cache=True)
        found.append(out.logits[0, -1])
    return torch.stack(found).float()
