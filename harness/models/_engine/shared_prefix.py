"""Beginnings that several rows share, kept once: keys and values, and what the rows' queries make of them.

A row attends to its group's beginning and to its own tokens. The two parts are computed apart and joined by their softmax
totals, which gives the same numbers as one softmax over both: nothing is copied for each row, and the queries of all
rows of a group meet a beginning in one matrix product.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_AT_ONCE = {"cpu": 1 << 20}  # scores in work: what fits a core's cache
_AT_ONCE_ELSEWHERE = 1 << 27

Layers = dict[int, tuple[Tensor, Tensor]]  # layer -> keys and values (N, H, S, d)


class Part(NamedTuple):
    """Attention over some of the keys: `out` (N, H, m, d) is not divided yet by `total` (N, H, m, 1), relative to `peak`."""

    out: Tensor
    total: Tensor
    peak: Tensor

    def joined(self, other: Part) -> Tensor:
        """Attention over the keys of both parts, (N, H, m, d)."""
        peak = torch.maximum(self.peak, other.peak)
        mine, theirs = (self.peak - peak).exp(), (other.peak - peak).exp()
        total = self.total * mine + other.total * theirs
        out: Tensor = self.out * (mine / total) + other.out * (theirs / total)
        return out


def attend(query: Tensor, key: Tensor, value: Tensor, scaling: float, hidden: Tensor | None = None) -> Part:
    """query (N, H, m, d) over key and value (N, H, S, d); `hidden` (N or 1, 1, m or 1, S) is True where nothing is seen."""
    per = query.shape[1] * query.shape[2] * key.shape[2]
    step = max(1, _AT_ONCE.get(query.device.type, _AT_ONCE_ELSEWHERE) // max(per, 1))
    parts = []
    for start in range(0, len(query), step):
        some = slice(start, start + step)
        scores = torch.matmul(query[some] * scaling, key[some].transpose(-1, -2)).float()
        if hidden is not None:
            scores.masked_fill_(hidden if len(hidden) == 1 else hidden[some], float("-inf"))
        peak = scores.amax(-1, keepdim=True)
        weights = scores.sub_(peak).exp_()
        parts.append(Part(torch.matmul(weights.to(value.dtype), value[some]).float(), weights.sum(-1, keepdim=True), peak))
    return parts[0] if len(parts) == 1 else Part(*(torch.cat(same) for same in zip(*parts, strict=True)))


class Beginnings:
    """Shared beginnings that were read together. `owner[r]` is the beginning of row r of these rows.

    Without tensors (`layers` empty) they are of rows whose answers are known: their places are kept, and zeros stand in
    as soon as other rows are computed beside them.
    """

    def __init__(self, lengths: list[int], owner: list[int], layers: Layers | None = None) -> None:
        self.lengths, self.owner = lengths, owner
        self.layers: Layers = layers if layers is not None else {}
        self._places: tuple[Tensor, Tensor, Tensor | None] | None = None

    def keep(self, rows: list[int]) -> None:
        """Only these rows stay; beginnings nobody needs go when they are half of all."""
        self.owner = [self.owner[r] for r in rows]
        self._places = None
        alive = sorted(set(self.owner))
        if len(alive) > len(self.lengths) // 2:
            return
        self.owner = [alive.index(g) for g in self.owner]
        self.lengths = [self.lengths[g] for g in alive]
        for layer, (keys, values) in self.layers.items():
            at = torch.tensor(alive, device=keys.device)
            width = max(self.lengths, default=0)
            self.layers[layer] = (keys[at, :, :width], values[at, :, :width])

    def part(self, layer: int, query: Tensor, scaling: float) -> Part:
        """Attention of queries (R, H, m, d), H those of keys, over each row's beginning."""
        _, heads, m, size = query.shape
        if layer not in self.layers:
            none = query.new_zeros(len(self.lengths), heads, max(self.lengths), size)
            self.layers[layer] = (none, none)
        places, back, hidden = self._where(query.device)
        groups, most = places.shape
        together = query[places.flatten()].view(groups, most, heads, m, size).transpose(1, 2)
        part = attend(together.reshape(groups, heads, most * m, size), *self.layers[layer], scaling, hidden)

        def apart(t: Tensor) -> Tensor:
            return t.view(groups, heads, most, m, -1).transpose(1, 2).reshape(groups * most, heads, m, -1)[back]

        return Part(*(apart(t) for t in part))

    def _where(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor | None]:
        """Rows of each beginning (G, most), filled up with row 0; where row r stands in that, (R,); padding (G, 1, 1, P)."""
        if self._places is None:
            members: list[list[int]] = [[] for _ in self.lengths]
            for row, g in enumerate(self.owner):
                members[g].append(row)
            most = max(len(m) for m in members)
            seat = {row: g * most + n for g, m in enumerate(members) for n, row in enumerate(m)}
            places = torch.tensor([m + [0] * (most - len(m)) for m in members], device=device)
            back = torch.tensor([seat[r] for r in range(len(self.owner))], device=device)
            self._places = (places, back, padding(self.lengths, device))
        return self._places


def padding(lengths: list[int], device: torch.device) -> Tensor | None:
    """(N, 1, 1, S): True behind each length; None where all are the same."""
    if len(set(lengths)) == 1:
        return None
    slots = torch.arange(max(lengths), device=device)
    return (slots[None] >= torch.tensor(lengths, device=device)[:, None])[:, None, None]
