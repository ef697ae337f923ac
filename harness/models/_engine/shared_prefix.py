"""Prefixes that several rows share, kept once: keys and values, and attention of the rows' queries over them.

A row attends to its group's prefix and to its own tokens. The two parts are computed apart and joined by the logarithms
of their softmax totals, which gives the same numbers as one softmax over both: nothing is copied for each row, and the
queries of all rows of a group meet a prefix at once. Both run on the device's fused kernel where it returns them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from harness.models._device import fused_attention, vector_attention
from harness.models._engine.kv_shelves import Place, Shelf, arranged, common_widths, places

_AT_ONCE = 1 << 27  # scores in work where no fused kernel returns its totals
_UNEVEN = 1.5  # by this factor the queries of a shelf's groups may grow when those with fewer rows are padded


class Part(NamedTuple):
    """Attention over some of the keys: `out` (N, H, m, d) and `total` (N, H, m), the logarithm of the softmax total."""

    out: Tensor
    total: Tensor

    def joined(self, other: Part) -> Tensor:
        """Attention over the keys of both parts, (N, H, m, d); one of them may have seen no key, its total is -inf."""
        theirs = torch.sigmoid(other.total - self.total)[..., None]
        return torch.lerp(self.out, other.out, theirs.to(self.out.dtype))


def side_by_side(parts: Sequence[Part]) -> Part:
    """Rows after rows."""
    return parts[0] if len(parts) == 1 else Part(*(torch.cat(same) for same in zip(*parts, strict=True)))


def nothing(like: Part, rows: int) -> Part:
    """Attention of so many rows that saw no key."""
    return Part(
        like.out.new_zeros(rows, *like.out.shape[1:]), like.total.new_full((rows, *like.total.shape[1:]), float("-inf"))
    )


def attend(
    query: Tensor, key: Tensor, value: Tensor, scaling: float, hidden: Tensor | None = None, causal: bool = False
) -> Part:
    """query (N, heads, m, d) over key (N, H, S, d) and value (N, H, S, dv), heads a multiple of H.

    hidden: (N or 1, 1, 1, S), 0 where a key is seen and -inf where not; every query sees at least one. causal: query i sees
    the keys up to i.
    """
    if not causal and vector_attention.suits(query, key):
        return Part(*vector_attention.attend_one(query, key, value, scaling, hidden))
    if query.device.type == "cpu" and key.shape[-1] == value.shape[-1]:
        mask = None if hidden is None else hidden.to(query.dtype)
        fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        return Part(*fused(query, key, value, 0.0, causal, attn_mask=mask, scale=scaling))
    found = fused_attention.fused(_attend_in_steps, query, key, value, scaling, hidden, causal)
    return Part(*found) if found is not None else _attend_in_steps(query, key, value, scaling, hidden, causal)


def _attend_in_steps(query: Tensor, key: Tensor, value: Tensor, scaling: float, hidden: Tensor | None, causal: bool) -> Part:
    """The same with scores of its own, some rows at a time."""
    n, heads, m, size = query.shape
    groups = heads // key.shape[1]
    folded = query.reshape(n, key.shape[1], groups * m, size) * scaling
    step, parts = max(1, _AT_ONCE // max(heads * m * key.shape[2], 1)), []
    later = torch.ones(m, key.shape[2], dtype=torch.bool, device=query.device).triu(1).repeat(groups, 1) if causal else None
    for start in range(0, n, step):
        some = slice(start, start + step)
        scores = torch.matmul(folded[some], key[some].transpose(-1, -2)).float()
        if hidden is not None:
            scores += hidden if len(hidden) == 1 else hidden[some]
        if later is not None:
            scores.masked_fill_(later, float("-inf"))
        total = scores.logsumexp(-1, keepdim=True)
        out = torch.matmul(scores.sub_(total).exp_().to(value.dtype), value[some])
        parts.append(Part(out.view(-1, heads, m, value.shape[3]), total.view(-1, heads, m)))
    return parts[0] if len(parts) == 1 else Part(*(torch.cat(same) for same in zip(*parts, strict=True)))


class _Run(NamedTuple):
    """Groups [start, end) of a shelf that are computed together: rows of each (G, most), filled up with row 0; `seats`: places
    in that of the rows, group after group; both None where these rows follow each other from `first` on, without gaps."""

    shelf: Shelf
    start: int
    end: int
    most: int
    first: int
    rows: Tensor | None
    seats: Tensor | None
    hidden: Tensor | None


class Span(NamedTuple):
    """Queries from `start` on: `each` of so many groups, whose prefixes of `length` follow each other from `place`."""

    place: Place
    length: int
    groups: int
    each: int
    start: int

    def is_followed_by(self, place: Place, length: int, each: int, start: int) -> bool:
        """Whether these of one group more are computed with them."""
        is_next = place.shelf is self.place.shelf and place.at == self.place.at + self.groups
        return is_next and (length, each, start) == (self.length, self.each, self.start + self.groups * self.each)


class SharedPrefixes:
    """Shared prefixes that were read together. `owner[r]` is the group of row r of these rows.

    Without tensors (`shelves` empty) they are of rows whose answers are known: their places are kept, in as many slots as if
    they had been read, for the slots decide which rows join; zeros stand in as soon as other rows are computed beside them.
    """

    def __init__(self, lengths: Sequence[int], owner: Sequence[int], shelves: Sequence[Shelf] | None = None) -> None:
        self.lengths, self.owner = list(lengths), list(owner)
        if shelves is None:
            numbers = [g for g, length in enumerate(lengths) if length]
            widths = common_widths([lengths[g] for g in numbers])
            shelves = [Shelf([g], width) for g, width in zip(numbers, widths, strict=True)]
        self.shelves: list[Shelf] = list(shelves)
        self._runs: tuple[list[_Run], Tensor | None, Tensor | None] | None = None

    @property
    def slots(self) -> int:
        """What is held of each layer."""
        return sum(shelf.slots for shelf in self.shelves)

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows stay; prefixes without rows are freed when they are half of all."""
        self.owner = [self.owner[r] for r in rows]
        self._runs = None
        alive = sorted(set(self.owner))
        if len(alive) > len(self.lengths) // 2:
            return
        held = places(self.shelves)
        kept = [g for g in alive if self.lengths[g]]
        again = arranged([held[g] for g in kept], [held[g].shelf.width for g in kept])
        number = {g: n for n, g in enumerate(alive)}
        for shelf in again:
            shelf.rows = [number[kept[n]] for n in shelf.rows]
        self.shelves = again
        self.owner = [number[g] for g in self.owner]
        self.lengths = [self.lengths[g] for g in alive]

    def attended(self, layer: int, query: Tensor, like: tuple[Tensor, Tensor], scaling: float) -> Part | None:
        """Attention of these rows' queries (R, H, m, d) over their prefixes; None where no row has one."""
        runs, order, some = self._where(query.device)
        if not runs:
            return None
        found = side_by_side([self._run(run, layer, query, like, scaling) for run in runs])
        if order is not None:
            found = Part(*(t[order] for t in found))
        if some is None:
            return found
        whole = nothing(found, len(query))
        whole.out[some], whole.total[some] = found
        return whole

    def _run(self, run: _Run, layer: int, query: Tensor, like: tuple[Tensor, Tensor], scaling: float) -> Part:
        """Attention of the run's rows, group after group: (rows, H, m, d)."""
        groups = run.end - run.start
        _, heads, m, size = query.shape
        key, value = (t[run.start : run.end] for t in run.shelf.of_layer(layer, like))
        asked = query[run.first : run.first + groups * run.most] if run.rows is None else query[run.rows.flatten()]
        asked = asked.view(groups, run.most, heads, m, size).transpose(1, 2)
        part = attend(asked.reshape(groups, heads, run.most * m, size), key, value, scaling, run.hidden)

        def apart(t: Tensor) -> Tensor:
            laid = t.reshape(groups, heads, run.most, m, -1).transpose(1, 2).reshape(groups * run.most, heads, m, -1)
            return laid if run.seats is None else laid[run.seats]

        return Part(apart(part.out), apart(part.total)[..., 0])

    def spans(self, spans: Sequence[tuple[int, int]]) -> list[Span]:
        """For `packed`, from (group, number of queries), one behind the other; as few as can be: each is a pass of its own."""
        held, found, start = places(self.shelves), list[Span](), 0
        for group, same in groupby(spans, key=lambda span: span[0]):
            count = sum(n for _, n in same)
            if group in held:
                place, length, last = held[group], self.lengths[group], found[-1] if found else None
                if last is not None and last.is_followed_by(place, length, count, start):
                    found[-1] = last._replace(groups=last.groups + 1)
                else:
                    found.append(Span(place, length, 1, count, start))
            start += count
        return found

    def packed(self, layer: int, query: Tensor, spans: Sequence[Span], scaling: float, width: int) -> Part:
        """Attention of queries laid end to end, (1, heads, N, d), over the prefix of each; `width` is that of values."""
        _, heads, n, size = query.shape
        out, total = query.new_zeros(1, heads, n, width), query.new_full((1, heads, n), float("-inf"), dtype=torch.float32)
        for place, length, groups, count, start in spans:
            key, value = (t[place.at : place.at + groups, :, :length] for t in place.shelf.layers[layer])
            end = start + groups * count
            asked = query[0, :, start:end].view(heads, groups, count, size).transpose(0, 1)
            part = attend(asked.reshape(groups, key.shape[1], -1, size), key, value, scaling)
            out[0, :, start:end] = part.out.reshape(groups, heads, count, width).transpose(0, 1).reshape(heads, -1, width)
            total[0, :, start:end] = part.total.reshape(groups, heads, count).transpose(0, 1).reshape(heads, -1)
        return Part(out, total)

    def _where(self, device: torch.device) -> tuple[list[_Run], Tensor | None, Tensor | None]:
        """Runs; order that brings their rows back, if they are not in order; which rows have a prefix, None where all have."""
        if self._runs is None:
            members: list[list[int]] = [[] for _ in self.lengths]
            for row, g in enumerate(self.owner):
                members[g].append(row)
            runs = [run for shelf in self.shelves for run in self._runs_of(shelf, members, device)]
            laid = [row for shelf in self.shelves for g in shelf.rows for row in members[g]]
            rows = sorted(laid)
            place = {row: n for n, row in enumerate(laid)}
            order = None if laid == rows else torch.tensor([place[row] for row in rows], dtype=torch.long, device=device)
            some = None if len(rows) == len(self.owner) else torch.tensor(rows, dtype=torch.long, device=device)
            self._runs = (runs, order, some)
        return self._runs

    def _runs_of(self, shelf: Shelf, members: list[list[int]], device: torch.device) -> list[_Run]:
        counts = [len(members[g]) for g in shelf.rows]
        runs, start = [], 0
        while start < len(counts):
            end = start + 1
            while end < len(counts) and _is_even(counts[start : end + 1]):
                end += 1
            if max(counts[start:end]):
                runs.append(self._run_of(shelf, start, end, [members[g] for g in shelf.rows[start:end]], device))
            start = end
        return runs

    def _run_of(self, shelf: Shelf, start: int, end: int, own: list[list[int]], device: torch.device) -> _Run:
        most = max(map(len, own))
        hidden = padding([self.lengths[g] for g in shelf.rows[start:end]], shelf.width, device, shelf.dtype)
        flat = [row for rows in own for row in rows]
        if len(flat) == most * len(own) and flat == list(range(flat[0], flat[0] + len(flat))):
            return _Run(shelf, start, end, most, flat[0], None, None, hidden)
        rows = torch.tensor([m + [0] * (most - len(m)) for m in own], device=device)
        seats = torch.tensor([g * most + n for g, m in enumerate(own) for n in range(len(m))], device=device)
        return _Run(shelf, start, end, most, 0, rows, seats, hidden)


def _is_even(counts: Sequence[int]) -> bool:
    return len(counts) * max(counts) <= _UNEVEN * sum(counts) + 8


def padding(lengths: Sequence[int], width: int, device: torch.device, dtype: torch.dtype) -> Tensor | None:
    """(N, 1, 1, width): -inf behind each length, else 0; None where all fill the width. Rows begin where kernels want them."""
    if min(lengths) == width:
        return None
    slots = torch.arange(-(-width // fused_attention.ALIGNED) * fused_attention.ALIGNED, device=device)
    mask = torch.zeros(len(lengths), len(slots), device=device, dtype=dtype)
    mask.masked_fill_(slots[None] >= torch.tensor(lengths, device=device)[:, None], float("-inf"))
    return mask[:, None, None, :width]
