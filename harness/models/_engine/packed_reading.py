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

from harness.models._engine.kv_shelves import Place, Shelf, indices
from harness.models._engine.shared_prefix import Part, SharedPrefixes, attend, padding, side_by_side

_ALONE = 256  # from this length on only rows of the very same length are computed together


class _Bucket(NamedTuple):
    """Rows computed together: `at` (n, width) are their tokens' places, `shelf` keeps their keys and values in `seats`.

    start: the first place of rows that all fill the width and follow each other, else None.
    """

    rows: list[int]
    at: Tensor
    start: int | None
    shelf: Shelf
    seats: slice | Tensor


class PackedRows:
    """How rows of these lengths attend.

    Args:
        held: where each row's keys and values are kept; what is behind its end there is meaningless.
        wanted: number of final states that are read of each row, from its end. The last layer attends for these alone where
            they are one a row, and makes only keys and values where there are none.
        before: shared prefixes of the rows; owner: the group in `before` of each.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        held: Sequence[Place],
        wanted: Sequence[int],
        before: SharedPrefixes | None,
        owner: Sequence[int],
        device: torch.device,
    ) -> None:
        self._lengths, self._before, self._owner, self._is_read = lengths, before, owner, any(wanted)
        self._spans = before.spans(list(zip(owner, lengths, strict=True))) if before is not None else []
        self._buckets, self._back = _buckets(lengths, held, device)
        last = torch.tensor(list(accumulate(lengths)), device=device) - 1
        self._ends = last if all(n == 1 for n in wanted) else None  # where the rows' last tokens alone are read, their places

    def __call__(self, module: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """query (1, heads, N, d) -> (1, N, heads, dv)."""
        layer = module.layer_idx
        held = [b.shelf.write(layer, b.seats, _apart(key, b), _apart(value, b)) for b in self._buckets]
        if getattr(module, "is_last_of_segments", False) and (self._ends is not None or not self._is_read):
            out = value.new_zeros(1, query.shape[2], query.shape[1], value.shape[3])
            if self._ends is not None:
                out[0, self._ends] = self._attend_ends(layer, query[:, :, self._ends], held, scaling)
            return out
        asked = [_apart(query, bucket) for bucket in self._buckets]
        if self._before is None:
            outs = [_causal(q, k, v, scaling) for q, (k, v) in zip(asked, held, strict=True)]
            return self._together(outs)[None]
        parts = [attend(q, k, v, scaling, causal=True) for q, (k, v) in zip(asked, held, strict=True)]
        out = self._together([part.out for part in parts]).transpose(0, 1)[None]
        total = self._together([part.total[..., None] for part in parts]).transpose(0, 1)[None, ..., 0]
        first = self._before.packed(layer, query, self._spans, scaling, value.shape[3])
        return Part(out, total).joined(first).transpose(1, 2)

    def _attend_ends(self, layer: int, query: Tensor, held: Sequence[tuple[Tensor, Tensor]], scaling: float) -> Tensor:
        """Attention of the rows' last queries, (1, heads, R, d) -> (R, heads, dv). `held`: each bucket's keys and values."""
        parts = []
        for bucket, (key, value) in zip(self._buckets, held, strict=True):
            asked = query[0][:, torch.tensor(bucket.rows, device=query.device), None].transpose(0, 1)
            hidden = padding([self._lengths[row] for row in bucket.rows], key.shape[2], key.device, key.dtype)
            parts.append(attend(asked, key, value, scaling, hidden))
        laid = torch.tensor([row for bucket in self._buckets for row in bucket.rows], device=query.device)
        own = Part(*(t[laid.argsort()].transpose(0, 2) for t in side_by_side(parts)))  # as the queries are laid
        if self._before is None:
            return own.out[0].transpose(0, 1)
        spans = self._before.spans([(group, 1) for group in self._owner])
        first = self._before.packed(layer, query, spans, scaling, own.out.shape[3])
        return own.joined(first)[0].transpose(0, 1)

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


def _buckets(lengths: Sequence[int], held: Sequence[Place], device: torch.device) -> tuple[list[_Bucket], Tensor]:
    """Buckets, and where each token of the packed row stands in all of them laid end to end, (N,)."""
    starts = [0, *accumulate(lengths)]
    alike: dict[tuple[int, int], list[int]] = {}
    for row, (length, place) in enumerate(zip(lengths, held, strict=True)):
        alike.setdefault((place.shelf.width, length if length >= _ALONE else 0), []).append(row)
    buckets, back, seat = [], [0] * sum(lengths), 0
    for _, rows in sorted(alike.items()):
        width = max(lengths[r] for r in rows)
        at = [[starts[r] + min(n, lengths[r] - 1) for n in range(width)] for r in rows]
        flat = [place for row in at for place in row]
        start = flat[0] if flat == list(range(flat[0], flat[0] + len(flat))) else None
        shelf, seats = held[rows[0]].shelf, indices([held[r].at for r in rows], device)
        buckets.append(_Bucket(rows, torch.tensor(at, device=device), start, shelf, seats))
        for r in rows:
            back[starts[r] : starts[r] + lengths[r]] = range(seat, seat + lengths[r])
            seat += width
    return buckets, torch.tensor(back, device=device)
