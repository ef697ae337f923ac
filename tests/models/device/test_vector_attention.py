"""Attention of one query a key head by products of a matrix and a vector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_models
import torch
from torch import Tensor
from transformers import CLIPVisionConfig, LlamaConfig

from harness.core.evaluation import Decoding, Request
from harness.models._device import vector_attention
from harness.models._engine.shared_prefix import attend
from harness.models.transformers import TransformersModel


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("masked", [False, True])
def test_it_is_the_softmax_over_seen_keys_and_the_logarithm_of_its_total(masked: bool) -> None:
    query, key, value = drawn(3, 4, 1, 8), 9 * drawn(3, 4, 40, 8)[:, :, :33], drawn(3, 4, 33, 5)
    hidden = torch.zeros(3, 1, 1, 33)
    hidden[1, ..., 7:] = float("-inf")
    scores = (query.double() @ key.double().transpose(-1, -2)) * 0.4 + (hidden if masked else 0)
    out, total = vector_attention.attend_one(query, key, value, 0.4, hidden if masked else None)
    torch.testing.assert_close(out.double(), scores.softmax(-1) @ value.double(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(total.double(), scores.logsumexp(-1), rtol=1e-6, atol=1e-6)


def test_scores_far_below_zero_and_far_above_give_finite_totals() -> None:
    key = torch.cat([torch.full((1, 1, 1, 2), size) for size in (-4000.0, 4000.0)], 2)
    out, total = vector_attention.attend_one(torch.ones(1, 1, 1, 2), key, key, 1.0, None)
    assert out.flatten().tolist() == [4000.0, 4000.0] and total.item() == 8000.0


def test_it_is_used_for_one_query_a_key_head_over_many_keys_on_one_thread_in_dtypes_of_numpy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, calls = vector_attention.attend_one, list[int]()

    def noted(*args: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(len(args))
        return own(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(vector_attention, "attend_one", noted)
    key, one = drawn(64, 4, 128, 8), drawn(64, 4, 1, 8)
    found = attend(one, key, key, 1.0)
    assert len(calls) == 1
    attend(drawn(64, 4, 3, 8), key, key, 1.0)  # several queries
    attend(drawn(64, 8, 1, 8), key, key, 1.0)  # two heads a key head
    attend(one.bfloat16(), key.bfloat16(), key.bfloat16(), 1.0)
    attend(one, key[:, :, :127], key[:, :, :127], 1.0)  # too little to save by it
    torch.set_num_threads(2)
    other = attend(one, key, key, 1.0)
    assert len(calls) == 1
    torch.testing.assert_close(found.out, other.out, rtol=1e-5, atol=5e-6)
    torch.testing.assert_close(found.total, other.total, rtol=1e-5, atol=1e-6)


def test_answers_are_the_same_with_it(images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = tiny_models._parts

    def of_one_query_a_key_head(vocab: int, image_size: int) -> tuple[CLIPVisionConfig, LlamaConfig]:
        vision, text = parts(vocab, image_size)
        text.num_key_value_heads = text.num_attention_heads
        return vision, text

    monkeypatch.setattr(tiny_models, "_parts", of_one_query_a_key_head)
    model = TransformersModel(str(tiny_models.save_llava(tmp_path / "model")), device="cpu")
    tiny_models.far_apart(model.module)
    requests = [Request(image, question, Decoding(9)) for image in images for question in ("Is there a car?", "Why?")]
    texts, calls, own = [], list[int](), vector_attention.attend_one

    def noted(*args: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(len(args))
        return own(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(vector_attention, "attend_one", noted)
    for least in (1 << 18, 0):
        assert not calls
        monkeypatch.setattr(vector_attention, "_LEAST", least)
        texts.append([answer.text for _, answer in sorted(pair for part in model.generate(requests) for pair in part)])
    assert texts[0] == texts[1] and len(calls) > 8 and len(set(texts[0])) > 3
