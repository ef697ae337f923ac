"""Attention with the logarithm of its softmax totals by a GPU's fused kernel, which no public function of torch returns.

The memory-efficient kernel (Rabe and Staats 2021, as torch ships it) takes masks and all dtypes. Its totals are an internal of
torch, so each dtype and head size is tried once on a small random problem against the caller's own formula in float64. A
kernel that fails there, or gives other numbers, is not used.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import torch
from torch import Tensor

ALIGNED = 8  # elements: the kernel wants a mask's rows to begin at multiples of 16 bytes
_TOLERANCE = {torch.float32: 1e-4, torch.float16: 4e-3, torch.bfloat16: 3e-2}
_DEVICES = ("cuda",)
_efficient = torch.ops.aten._scaled_dot_product_efficient_attention
Formula = Callable[[Tensor, Tensor, Tensor, float, Tensor | None, bool], tuple[Tensor, Tensor]]
_proven: dict[tuple[str, torch.dtype, int, int], bool] = {}
_log = logging.getLogger("harness")


def fused(
    formula: Formula, query: Tensor, key: Tensor, value: Tensor, scaling: float, hidden: Tensor | None, causal: bool
) -> tuple[Tensor, Tensor] | None:
    """Attention (N, heads, m, dv) and totals (N, heads, m) in float32; None where this device has no such kernel.

    formula: gives both from the other arguments, slowly.
    query (N, heads, m, d), key (N, H, S, d), value (N, H, S, dv), heads a multiple of H; hidden (N or 1, 1, 1, S), 0 or -inf.
    """
    if query.device.type not in _DEVICES or query.dtype not in _TOLERANCE:
        return None
    known = (query.device.type, query.dtype, query.shape[3], value.shape[3])
    if known not in _proven:
        _proven[known] = _is_right(formula, query, value.shape[3])
    return _kernel(query, key, value, scaling, hidden, causal) if _proven[known] else None


def _kernel(
    query: Tensor, key: Tensor, value: Tensor, scaling: float, hidden: Tensor | None, causal: bool
) -> tuple[Tensor, Tensor]:
    n, heads, m, size = query.shape
    groups = heads // key.shape[1]
    if groups > 1 and causal:  # queries of several heads laid end to end would not be causal
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    elif groups > 1:
        query = query.reshape(n, key.shape[1], groups * m, size)
    bias = None if hidden is None else _bias(hidden, query, key.shape[2])
    out, total, *_ = _efficient(query, key, value, bias, True, 0.0, causal, scale=scaling)
    total = total[..., : query.shape[2]]  # it is filled up to a multiple of 32
    return out.reshape(n, heads, m, -1), total.reshape(n, heads, m)


def _bias(hidden: Tensor, query: Tensor, slots: int) -> Tensor:
    """hidden in the query's dtype, expanded without a copy, its rows aligned."""
    if hidden.dtype == query.dtype and all(stride % ALIGNED == 0 for stride in hidden.stride()[:3]):
        return hidden.expand(query.shape[0], query.shape[1], query.shape[2], slots)
    rows = query.new_zeros(len(hidden), 1, 1, math.ceil(slots / ALIGNED) * ALIGNED)
    rows[..., :slots] = hidden
    return rows[..., :slots].expand(query.shape[0], query.shape[1], query.shape[2], slots)


def _is_right(formula: Formula, like: Tensor, value_size: int) -> bool:
    """Whether the kernel gives the numbers of the formula for this dtype and these head sizes, masked and causal."""
    draw = torch.Generator().manual_seed(0)
    n, heads, shared, m, slots, size = 2, 4, 2, 5, 37, like.shape[3]

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw).to(like.device, like.dtype)

    hidden = torch.zeros(n, 1, 1, slots, device=like.device)
    hidden[1, ..., 30:] = float("-inf")
    query, key, value = drawn(n, heads, m, size), drawn(n, shared, slots, size), drawn(n, shared, slots, value_size)
    cases = ((key, value, hidden, False), (key[:, :, :m], value[:, :, :m], None, True))
    try:
        for k, v, mask, causal in cases:
            found = _kernel(query, k, v, size**-0.5, mask, causal)
            wanted = formula(query.double(), k.double(), v.double(), size**-0.5, mask, causal)
            for ours, theirs in zip(found, wanted, strict=True):
                if not (ours.double() - theirs).abs().max() <= _TOLERANCE[like.dtype]:  # also where it is not a number
                    raise ValueError("its numbers are not those of the formula")
    except torch.OutOfMemoryError:  # says nothing of the kernel
        raise
    except (RuntimeError, ValueError) as error:
        _log.warning("The GPU's fused attention is not used for heads of %d in %s: %s", size, like.dtype, str(error)[:200])
        return False
    return True
