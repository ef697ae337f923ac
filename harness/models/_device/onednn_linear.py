"""Linear layers on AMD's CPUs by oneDNN, which comes with torch, in place of MKL.

MKL uses AVX-512 on Intel's CPUs only. On a CPU of AMD with AVX-512 oneDNN computes a float32 product of 2,048 rows 2.3 times as
fast, on one with AVX2 1.15 times; products of few rows wait for memory, where its calls cost more than they save
(docs/performance.md). On other CPUs, for other types and under autocast a layer computes as torch does.
"""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_NEVER = 1 << 62
_PLAIN = (nn.Parameter, Tensor)  # not shared out among devices, nor quantised
_LEAST_ROWS = {"AVX512": 8, "AVX2": 64}  # by what torch uses of the CPU
# oneDNN makes code for every shape, 0.5 to 1 MB in 0.2 ms; torch and it keep that of the last 1,024, a gigabyte in a training
# whose rows have ever other lengths. So few are kept, and few rows, as decode steps have, come in few shapes.
_FEW, _STEP = 128, 16
_KEPT = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "16", "LRU_CACHE_CAPACITY": "16"}


# Any: a module of any class, as it came
def by_onednn(module: Any) -> Any:
    """The module, whose linear layers now compute by oneDNN where that is faster on this machine."""
    if least_rows() < _NEVER:
        for name, shapes in _KEPT.items():  # read when the first product is computed
            os.environ.setdefault(name, shapes)
        for part in module.modules():
            if type(part) is nn.Linear:
                part.__class__ = OneDNNLinear
    return module


@cache
def least_rows() -> int:
    """From how many rows on oneDNN is the faster one here."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise") or not _is_amd():
        return _NEVER
    return _LEAST_ROWS.get(torch.backends.cpu.get_cpu_capability(), _NEVER)


def _is_amd() -> bool:
    try:
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text()[:4096]
    except OSError:  # not Linux
        return "AuthenticAMD" in platform.processor()


class OneDNNLinear(nn.Linear):
    """torch's linear layer, the same up to rounding; (..., in) to (..., out)."""

    def forward(self, input: Tensor) -> Tensor:
        weight, bias = self.weight, self.bias
        if not _suits(input, weight):
            return nn.functional.linear(input, weight, bias)
        made: Tensor = (_Linear.apply if torch.is_grad_enabled() else _in_few_shapes)(input, weight, bias)
        return made


class _Linear(torch.autograd.Function):
    """With gradients, by the same products."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # Any: torch's context of a function
        ctx.save_for_backward(input, weight)
        return _product(input, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        input, weight = ctx.saved_tensors
        flat = upstream.reshape(-1, upstream.shape[-1])
        of_input = _product(flat, weight.t(), None).view_as(input) if ctx.needs_input_grad[0] else None
        of_weight = _product(flat.t(), input.reshape(-1, input.shape[-1]).t(), None) if ctx.needs_input_grad[1] else None
        return of_input, of_weight, flat.sum(0) if ctx.needs_input_grad[2] else None


def _suits(input: Tensor, weight: Tensor) -> bool:
    of_floats = input.dtype is weight.dtype is torch.float32 and input.is_cpu
    enough = input.dim() > 1 and input.numel() >= least_rows() * input.shape[-1]
    return of_floats and enough and type(weight) in _PLAIN and not torch.is_autocast_enabled("cpu")


def _in_few_shapes(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The product, of few rows with rows of zeros behind them up to a multiple of 16."""
    rows = input.shape[:-1].numel()
    if rows > _FEW or rows % _STEP == 0:
        return _product(input, weight, bias)
    padded = nn.functional.pad(input.reshape(rows, -1), (0, 0, 0, -rows % _STEP))
    return _product(padded, weight, bias)[:rows].view(*input.shape[:-1], -1)


def _product(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    made: Tensor = torch.ops.mkldnn._linear_pointwise(input, weight, bias, "none", [], "")
    return made
