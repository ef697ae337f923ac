"""Attention of rows laid end to end while they are read: each causally over itself, and over its prefix where it has one.

Linear layers see no padding at all. Attention takes rows of similar lengths together and long ones alone, so that its cost
is the sum of the rows' own squares, whatever else is read with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from harness.models._engine.kv_shelves import Shelf, capacity
from harness.models._engine.shared_prefix import Part, SharedPrefixes, attend

_ALONE = 256  # from this length on only rows of the very same length are computed together


class _Bucket(NamedTuple):
    """Rows that are computed together: `at` (n, width) are their tokens' places, `shelf` keeps their keys and values.

    start: the first place of rows that all fill the width and follow each other, else None.
    """

    at: Tensor
    shelf: Shelf
    start: int | None


class PackedRows:
    """How rows of these lengths attend. `shelves` are their keys and values, what is behind a row's end is meaningless.

    Args:
        before: shared prefixes of the rows; spans: (group in `before`, tokens) one behind the other.
        is_read: whether any final state is wanted; else the last layer only makes keys and values.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        before: SharedPrefixes | None,
        spans: Sequence[tuple[int, int]],
        is_read: bool,
        device: torch.device,
    ) -> None:
        self._before, self._is_read = before, is_read
        self._spans = before.spans(spans) if before is not None else []
        self._buckets, self._back = _buckets(lengths, device)

    @property
    def shelves(self) -> list[Shelf]:
        return [bucket.shelf for bucket in self._buckets]

    def __call__(self, module: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """query (1, heads, N, d) -> (1, N, heads, dv)."""
        held = [(_apart(key, bucket).contiguous(), _apart(value, bucket).contiguous()) for bucket in self._buckets]
        for bucket, layer in zip(self._buckets, held, strict=True):
            bucket.shelf.layers[module.layer_idx] = layer
        if not self._is_read and getattr(module, "is_last_of_segments", False):
            return value.new_zeros(1, query.shape[2], query.shape[1], value.shape[3])
        asked = [_apart(query, bucket) for bucket in self._buckets]
        if self._before is None:
            outs = [_causal(q, k, v, scaling) for q, (k, v) in zip(asked, held, strict=True)]
            return self._together(outs)[None]
        parts = [attend(q, k, v, scaling, causal=True) for q, (k, v) in zip(asked, held, strict=True)]
        out = self._together([part.out for part in parts]).transpose(0, 1)[None]
        total = self._together([part.total[..., None] for part in parts]).transpose(0, 1)[None, ..., 0]
        first = self._before.packed(module.layer_idx, query, self._spans, scaling, value.shape[3])
        return Part(out, total).joined(first).transpose(1, 2)

    def _together(self, rows: Sequence[Tensor]) -> Tensor:
        """(n, H, width, d) of each bucket -> (N, H, d)."""
        flat = [t.transpose(1, 2).flatten(0, 1) for t in rows]
        whole = flat[0] if len(flat) == 1 else torch.cat(flat)
        return whole if len(flat) == 1 and self._buckets[0].start == 0 else whole[self._back]


def _apart(packed: Tensor, bucket: _Bucket) -> Tensor:
    """(1, H, N, d) -> (n, H, width, d)"""
    at, start = bucket.at, bucket.start
    own = packed[0][:, at.flatten()] if start is None else packed[0][:, start : start + at.numel()]
    return own.reshape(packed.shape[1], *at.shape, packed.shape[3]).transpose(0, 1)


def _causal(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    """(n, heads, T, d) -> (n, heads, T, dv). Tokens do not attend to what is behind their row's end."""
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling)


def _buckets(lengths: Sequence[int], device: torch.device) -> tuple[list[_Bucket], Tensor]:
    """Buckets, and where each token of the packed row stands in all of them laid end to end, (N,)."""
    starts = [0, *accumulate(lengths)]
    alike: dict[tuple[bool, int], list[int]] = {}
    for row, length in enumerate(lengths):
        is_long = length >= _ALONE
        alike.setdefault((is_long, length if is_long else capacity(length)), []).append(row)
    buckets, back, seat = [], [0] * sum(lengths), 0
    for _, rows in sorted(alike.items()):
        width = max(lengths[r] for r in rows)
        at = [[starts[r] + min(n, lengths[r] - 1) for n in range(width)] for r in rows]
        flat = [place for row in at for place in row]
        start = flat[0] if flat == list(range(flat[0], flat[0] + len(flat))) else None
        buckets.append(_Bucket(torch.tensor(at, device=device), Shelf(rows, width), start))
        for r in rows:
            back[starts[r] : starts[r] + lengths[r]] = range(seat, seat + lengths[r])
            seat += width
    return buckets, torch.tensor(back, device=device)
