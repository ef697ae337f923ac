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
_PLAIN = (nn.Parameter, Tensor)  # no subclass: not shared out among devices, not quantised
_LEAST_ROWS = {"AVX512": 8, "AVX2": 64}  # by what torch uses of the CPU
# oneDNN makes code for every shape, 0.5 to 1 MB in 0.2 ms; torch and it keep that of the last 1,024, a gigabyte in a training
# whose rows have ever other lengths. So few are kept, and few rows, as decode steps have, come in few shapes. A model has up to
# a dozen shapes; with those of adapters beside them more would have to be kept, so adapters' own layers stay torch's.
_PADDED_UP_TO, _ROW_MULTIPLE = 128, 16
_CODE_KEPT = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "16", "LRU_CACHE_CAPACITY": "16"}


# Any: a module of any class, as it came
def by_onednn(module: Any) -> Any:
    """The module, the class of whose linear layers is now `OneDNNLinear` where that is faster on this machine.

    Limits in the environment what oneDNN keeps: for this process, where nothing has computed by it before, and its children.
    """
    if least_rows() < _NEVER:
        for name, shapes in _CODE_KEPT.items():
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
    """torch's linear layer, the same up to rounding; (..., in) to (..., out). No second derivatives, no tracing."""

    def forward(self, input: Tensor) -> Tensor:
        weight, bias = self.weight, self.bias
        if not _suits(input, weight, bias):
            return nn.functional.linear(input, weight, bias)
        out: Tensor = (_Linear.apply if torch.is_grad_enabled() else _in_few_shapes)(input, weight, bias)
        return out


class _Linear(torch.autograd.Function):
    """With gradients, by the same products."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # Any: torch's context of a function
        of_input, of_weight, _ = ctx.needs_input_grad
        ctx.save_for_backward(input if of_weight else None, weight if of_input else None)
        return _product(input, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        input, weight = ctx.saved_tensors
        flat, grad_input, grad_weight = grad_output.reshape(-1, grad_output.shape[-1]), None, None
        if weight is not None:
            grad_input = _product(flat, weight.t(), None).view(*grad_output.shape[:-1], -1)
        if input is not None:
            grad_weight = _product(flat.t(), input.reshape(-1, input.shape[-1]).contiguous().t(), None)
        return grad_input, grad_weight, flat.sum(0) if ctx.needs_input_grad[2] else None


def _suits(input: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether oneDNN is given what it reads rightly, and enough of it: it takes sizes, places and layouts on trust."""
    enough = input.dim() > 1 and input.numel() >= least_rows() * input.shape[-1] > 0
    if not enough or input.shape[-1] != weight.shape[-1] or torch.is_autocast_enabled("cpu"):
        return False
    if bias is not None and not (_is_plain(bias) and bias.is_contiguous() and bias.shape == weight.shape[:1]):
        return False
    return _is_plain(input) and not input.is_nested and _is_plain(weight) and weight.is_contiguous() and weight.numel() > 0


def _is_plain(tensor: Tensor) -> bool:
    on_cpu = tensor.is_cpu and tensor.layout is torch.strided
    return type(tensor) in _PLAIN and tensor.dtype is torch.float32 and on_cpu


def _in_few_shapes(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The product, of few rows with rows of zeros behind them up to a multiple of 16."""
    rows = input.shape[:-1].numel()
    if rows > _PADDED_UP_TO or rows % _ROW_MULTIPLE == 0:
        return _product(input, weight, bias)
    padded = nn.functional.pad(input.reshape(rows, -1), (0, 0, 0, -rows % _ROW_MULTIPLE))
    out = input.new_empty(*input.shape[:-1], weight.shape[0])
    out.view(rows, -1).copy_(_product(padded, weight, bias)[:rows])
    return out


def _product(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    out: Tensor = torch.ops.mkldnn._linear_pointwise(input, weight, bias, "none", [], "")
    return out
