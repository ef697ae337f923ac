"""Attention of one query a key head by products of a matrix and a vector."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from harness.models._device import vector_attention
from harness.models._engine.shared_prefix import attend


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


def test_it_is_used_for_one_query_a_key_head_on_one_thread_in_dtypes_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    own, calls = vector_attention.attend_one, list[int]()

    def noted(*args: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(len(args))
        return own(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(vector_attention, "attend_one", noted)
    key, one = drawn(2, 4, 6, 8), drawn(2, 4, 1, 8)
    found = attend(one, key, key, 1.0)
    assert len(calls) == 1
    attend(drawn(2, 4, 3, 8), key, key, 1.0)  # several queries
    attend(drawn(2, 8, 1, 8), key, key, 1.0)  # two heads a key head
    attend(one.bfloat16(), key.bfloat16(), key.bfloat16(), 1.0)
    attend(one, key[:, :, :1], key[:, :, :1], 1.0, causal=True)
    torch.set_num_threads(2)
    other = attend(one, key, key, 1.0)
    assert len(calls) == 1
    torch.testing.assert_close(found.out, other.out, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.total, other.total, rtol=1e-5, atol=1e-6)
