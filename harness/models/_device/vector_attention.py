"""Attention of one query a key head on one CPU thread, by numpy's products of a matrix and a vector.

They read keys and values at 22 GB/s of a core's 27, torch's kernels at 12 to 15: a caption's decode step waits for little
else. With several threads torch shares the heads among them, numpy does not.
"""

from __future__ import annotations

import numpy
import torch
from torch import Tensor

_DTYPES = (torch.float32, torch.float64)  # those of numpy's products
_LEAST = 1 << 18  # numbers in the keys: with fewer the calls cost more than they save


def suits(query: Tensor, key: Tensor) -> bool:
    """Whether query (N, heads, m, d) over key (N, H, S, d) is such a case."""
    one = query.shape[1:3] == (key.shape[1], 1)
    large = key.numel() >= _LEAST and torch.get_num_threads() == 1
    return one and large and query.device.type == "cpu" and query.dtype in _DTYPES


def attend_one(query: Tensor, key: Tensor, value: Tensor, scaling: float, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
    """Attention (N, H, 1, dv) and the logarithms of its softmax totals (N, H, 1).

    query (N, H, 1, d), key (N, H, S, d), value (N, H, S, dv); hidden (N or 1, 1, 1, S), 0 where a key is seen, else -inf.
    """
    scores = torch.from_numpy(numpy.matmul(query.numpy(), key.numpy().swapaxes(-1, -2))).mul_(scaling)
    if hidden is not None:
        scores += hidden
    weights = scores.softmax(-1)
    total = scores.amax(-1) - weights.amax(-1).log_()  # the largest weight is 1 / sum of exp(score - largest score)
    return torch.from_numpy(numpy.matmul(weights.numpy(), value.numpy())), total
