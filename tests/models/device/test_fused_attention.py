"""A GPU's fused attention: the numbers of the plain formula, or it is not used. On a CPU a stand-in has the kernel's habits."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.models._device import fused_attention
from harness.models._device.fused_attention import fused
from harness.models._engine.shared_prefix import _attend_in_steps, attend


def kernel(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    with_totals: bool,
    dropout: float,
    causal: bool,
    *,
    scale: float,
) -> tuple[Tensor, Tensor, None, None]:
    """As torch's kernel: as many heads of keys as of queries, aligned masks of the queries' dtype, totals filled up to 32."""
    assert query.shape[1] == key.shape[1] == value.shape[1] and with_totals and dropout == 0
    scores = query @ key.transpose(-1, -2) * scale
    if bias is not None:
        assert bias.dtype == query.dtype and bias.shape == scores.shape
        assert bias.stride(-1) == 1 and all(stride % 8 == 0 for stride in bias.stride()[:-1])
        scores = scores + bias
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), float("-inf"))
    total = scores.float().logsumexp(-1)
    filled = torch.full((*total.shape[:2], -(-total.shape[2] // 32) * 32), float("inf"))
    filled[..., : total.shape[2]] = total
    return scores.softmax(-1) @ value, filled, None, None


@pytest.fixture
def on_this_machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(fused_attention, "_DEVICES", ("cpu",))
    monkeypatch.setattr(fused_attention, "_proven", {})
    monkeypatch.setattr(fused_attention, "_efficient", kernel)
    return monkeypatch


def problem(heads: int, shared: int, m: int, slots: int) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    shapes = ((3, heads, m, 16), (3, shared, slots, 16), (3, shared, slots, 24))
    query, key, value = (torch.randn(shape, generator=draw) for shape in shapes)
    return query, key, value


@pytest.mark.parametrize(("heads", "shared"), [(4, 4), (8, 2)])
@pytest.mark.parametrize("m", [1, 5, 40])
@pytest.mark.parametrize("masked", [False, True])
def test_it_is_attention_in_steps(on_this_machine: Any, heads: int, shared: int, m: int, masked: bool) -> None:
    query, key, value = problem(heads, shared, m, 37)
    hidden = None
    if masked:
        hidden = torch.zeros(3, 1, 1, 37)
        hidden[0, ..., 20:] = hidden[2, ..., 36:] = float("-inf")
    found = fused(_attend_in_steps, query, key, value, 0.3, hidden, False)
    assert found is not None
    for ours, plain in zip(found, _attend_in_steps(query, key, value, 0.3, hidden, False), strict=True):
        assert torch.allclose(ours, plain, atol=1e-5)


@pytest.mark.parametrize(("heads", "shared"), [(4, 4), (8, 2)])
def test_rows_that_read_themselves_are_causal(on_this_machine: Any, heads: int, shared: int) -> None:
    query, key, value = problem(heads, shared, 9, 9)
    found = fused(_attend_in_steps, query, key, value, 0.3, None, True)
    assert found is not None
    for ours, plain in zip(found, _attend_in_steps(query, key, value, 0.3, None, True), strict=True):
        assert torch.allclose(ours, plain, atol=1e-5)


def off_by_a_base(*given: Any, **named: Any) -> Any:
    out, total, *rest = kernel(*given, **named)
    return out, total / torch.log(torch.tensor(2.0)), *rest  # totals of powers of two


def without_numbers(*given: Any, **named: Any) -> Any:
    out, total, *rest = kernel(*given, **named)
    return out * float("nan"), total, *rest


def unable(*_: Any, **__: Any) -> Any:
    raise RuntimeError("no kernel image is available for execution on the device")


@pytest.mark.parametrize("broken", [off_by_a_base, without_numbers, unable])
def test_a_kernel_with_other_numbers_is_not_used_and_said_so_once(
    on_this_machine: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: Any
) -> None:
    on_this_machine.setattr(fused_attention, "_efficient", broken)
    query, key, value = problem(4, 4, 3, 20)
    with caplog.at_level(logging.WARNING):
        assert [fused(_attend_in_steps, query, key, value, 0.3, None, False) for _ in range(2)] == [None, None]
    assert len(caplog.records) == 1 and "fused attention is not used for heads of 16" in caplog.text


def test_memory_that_ran_out_says_nothing_of_the_kernel(on_this_machine: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("full")

    on_this_machine.setattr(fused_attention, "_efficient", full)
    query, key, value = problem(4, 4, 3, 20)
    with pytest.raises(torch.OutOfMemoryError):
        fused(_attend_in_steps, query, key, value, 0.3, None, False)
    on_this_machine.setattr(fused_attention, "_efficient", kernel)
    assert fused(_attend_in_steps, query, key, value, 0.3, None, False) is not None


def test_the_engine_asks_the_kernel_where_the_cpu_has_none(on_this_machine: pytest.MonkeyPatch) -> None:
    """Values of another size than keys: torch's CPU kernel does not take them."""
    asked = list[tuple[int, ...]]()

    def counted(query: Tensor, *given: Any, **named: Any) -> Any:
        asked.append(tuple(query.shape))
        return kernel(query, *given, **named)

    query, key, value = problem(4, 2, 3, 20)
    fused(_attend_in_steps, query, key, value, 0.3, None, False)
    on_this_machine.setattr(fused_attention, "_efficient", counted)
    part = attend(query, key, value, 0.3)
    assert asked == [(3, 2, 6, 16)]
    assert torch.allclose(part.out, _attend_in_steps(query, key, value, 0.3, None, False).out, atol=1e-5)


def test_torch_has_the_kernel_with_these_arguments() -> None:
    """Its shapes, without a GPU: torch works them out on the meta device."""
    query, key = (torch.empty(2, 4, n, 64, device="meta", dtype=torch.bfloat16) for n in (6, 37))
    bias = torch.empty(2, 1, 1, 40, device="meta", dtype=torch.bfloat16)[..., :37].expand(2, 4, 6, 37)
    out, total, *_ = torch.ops.aten._scaled_dot_product_efficient_attention(query, key, key, bias, True, 0.0, False, scale=0.1)
    assert out.shape == query.shape and total.shape == (2, 4, 32) and total.dtype == torch.float32


def test_a_cpu_has_no_such_kernel() -> None:
    assert fused(_attend_in_steps, *problem(4, 4, 3, 20), 0.3, None, False) is None
