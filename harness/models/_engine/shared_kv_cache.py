"""What a running batch has read: each shared beginning once, and each row's own keys and values.

A row's own slots are its own: rows join and leave without moving others. What is new is read end to end, without padding.
The language model reads through attention of our own (`_segments.NAME`), see `_beginnings.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from harness.models._engine.grouping import Group
from harness.models._engine.language_model import LanguageModel, Piece, Tokens
from harness.models._engine.shared_prefix import Beginnings, Layers, Part, attend, padding

Attend = Callable[[Any, Tensor, Tensor, Tensor, float], Tensor]


class SharedMemory:
    """Keys and values of the rows in work, in the order in which they joined."""

    def __init__(self, language: LanguageModel) -> None:
        self._language = language
        self._beginnings: list[Beginnings] = []
        self._lengths: list[int] = []  # own slots that each row has filled
        self._layers: Layers = {}  # own keys and values (R, H, room, d)
        self._room = 0
        self._positions: Tensor | None = None
        self._hidden: Tensor | None = None

    @staticmethod
    def cost(group: Group) -> int:
        """Slots that a group needs before its first new token."""
        return group.shared + sum(len(row.ids) - group.shared for row in group.rows)

    def read(self, groups: Sequence[Group]) -> Tensor:
        """Final states (sum of all `wanted`, D) of the groups' last tokens, row after row; nothing is kept."""
        states, *_ = self._read(groups)
        return states

    def join(self, groups: Sequence[Group], known: bool = False) -> Tensor | None:
        """Read the groups' prompts and take their rows in; logits (new rows, V). `known`: only their places are taken."""
        rows = [row for group in groups for row in group.rows]
        owner = [g for g, group in enumerate(groups) for _ in group.rows]
        lengths = [len(row.ids) - group.shared for group in groups for row in group.rows]
        logits, layers, beginnings = None, Layers(), Beginnings([group.shared for group in groups], owner)
        if not known:
            states, beginnings, layers = self._read(groups)
            logits = self._language.logits(states)
        positions = torch.tensor([row.positions[-1] for row in rows], device=self._language.device)
        self._positions = positions if self._positions is None else torch.cat([self._positions, positions])
        self._beginnings.append(beginnings)
        self._take_in(layers, lengths)
        return logits

    def step(self, tokens: Sequence[int], known: bool = False) -> Tensor | None:
        """One more token a row; logits (R, V)."""
        assert self._positions is not None
        self._positions = self._positions + 1
        self._grow(max(self._lengths) + 1)
        logits = None
        if not known:
            ids = torch.tensor(tokens, device=self._language.device)[:, None]
            self._hidden = padding([n + 1 for n in self._lengths], ids.device)
            mask = _carrier(self._attend_step)
            following = Tokens(ids, self._positions[:, None], ids)
            logits = self._language.logits(self._language.states(following, mask, self)[:, -1])
        self._lengths = [n + 1 for n in self._lengths]
        return logits

    def keep(self, rows: list[int]) -> None:
        """Only these rows stay."""
        assert self._positions is not None
        start, kept = 0, []
        for beginnings in self._beginnings:
            end = start + len(beginnings.owner)
            own = [r - start for r in rows if start <= r < end]
            if own:
                beginnings.keep(own)
                kept.append(beginnings)
            start = end
        self._beginnings = kept
        self._lengths = [self._lengths[r] for r in rows]
        at = torch.tensor(rows, dtype=torch.long, device=self._language.device)
        self._positions = self._positions[at]
        self._layers = {layer: (keys[at], values[at]) for layer, (keys, values) in self._layers.items()}

    # ------------------------------------------------------------ the language model's view of a cache

    def update(self, keys: Tensor, values: Tensor, layer_idx: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Put one token a row in its slot; own keys and values (R, H, S, d) so far."""
        if layer_idx not in self._layers:
            shape = (len(self._lengths), keys.shape[1], self._room, keys.shape[3])
            self._layers[layer_idx] = (keys.new_zeros(shape), values.new_zeros(*shape[:3], values.shape[3]))
        own = self._layers[layer_idx]
        at = torch.tensor(self._lengths, device=keys.device)
        rows = torch.arange(len(at), device=keys.device)
        width = max(self._lengths) + 1
        for kept, new in zip(own, (keys, values), strict=True):
            kept[rows, :, at] = new[:, :, 0]
        return own[0][:, :, :width], own[1][:, :, :width]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return max(self._lengths, default=0)

    # ------------------------------------------------------------ attention

    def _attend_step(self, module: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """query (R, heads, 1, d) -> (R, 1, heads, d)."""
        folded = _folded(query, key)
        own = attend(folded, key, value, scaling, self._hidden)
        start, parts = 0, []
        for beginnings in self._beginnings:
            end = start + len(beginnings.owner)
            part = Part(*(t[start:end] for t in own))
            shared = max(beginnings.lengths) > 0
            whole = part.joined(beginnings.part(module.layer_idx, folded[start:end], scaling)) if shared else None
            parts.append(whole if whole is not None else part.out / part.total)
            start = end
        return _unfolded(torch.cat(parts).to(query.dtype), query)

    def _read(self, groups: Sequence[Group]) -> tuple[Tensor, Beginnings, Layers]:
        """Wanted states (n, D), the groups' beginnings, and the rows' own keys and values."""
        shared = [group.shared for group in groups]
        owner = [g for g, group in enumerate(groups) for _ in group.rows]
        beginnings, device = Beginnings(shared, owner), self._language.device
        if max(shared) > 0:
            firsts = [Piece(group.rows[0], 0, group.shared) for group in groups]
            unread = torch.zeros(1, sum(shared), dtype=torch.bool, device=device)
            _, beginnings.layers = self._read_packed(firsts, unread)
        rest = [Piece(row, group.shared, len(row.ids)) for group in groups for row in group.rows]
        wanted = [n for group in groups for n in group.wanted]
        read = [[slot >= p.end - p.start - n for slot in range(p.end - p.start)] for p, n in zip(rest, wanted, strict=True)]
        mask = torch.tensor([[slot for row in read for slot in row]], device=device)
        states, layers = self._read_packed(rest, mask, beginnings if max(shared) > 0 else None)
        return states[mask], beginnings, layers

    def _read_packed(self, pieces: list[Piece], read: Tensor, before: Beginnings | None = None) -> tuple[Tensor, Layers]:
        """Final states (1, N, D) of pieces end to end, right where `read` (1, N), and their keys and values (R, H, T, d)."""
        rows = PackedRows([p.end - p.start for p in pieces], before, bool(read.any()), read.device)
        states = self._language.states(self._language.packed(pieces), _carrier(rows, read), None)
        return states, rows.layers

    # ------------------------------------------------------------ room

    def _take_in(self, new: Layers, lengths: list[int]) -> None:
        """Add rows with their own keys and values (n, H, width, d); zeros stand in where either side has none."""
        before, width = len(self._lengths), max(lengths)
        if width > self._room:
            self._grow(width)
        self._lengths = self._lengths + lengths
        for layer in {*self._layers, *new}:
            like = (self._layers.get(layer) or new[layer])[0]
            whole = []
            for side in range(2):
                kept = like.new_zeros(before + len(lengths), like.shape[1], self._room, like.shape[3])
                if layer in self._layers:
                    kept[:before] = self._layers[layer][side]
                if layer in new:
                    kept[before:, :, :width] = new[layer][side]
                whole.append(kept)
            self._layers[layer] = (whole[0], whole[1])

    def _grow(self, slots: int) -> None:
        """Room for so many own slots a row, with some in reserve."""
        if slots <= self._room:
            return
        more = max(slots, self._room + self._room // 2, 16) - self._room
        self._room += more
        for layer, own in self._layers.items():
            keys, values = (torch.nn.functional.pad(t, (0, 0, 0, more)) for t in own)
            self._layers[layer] = (keys, values)


class PackedRows:
    """Attention of rows laid end to end, so that their padding costs nothing but here: each causally over itself, and over
    its beginning where there is one. `layers` are their keys and values, (R, H, T, d), zero behind a row's end."""

    def __init__(self, lengths: list[int], before: Beginnings | None, is_read: bool, device: torch.device) -> None:
        self.layers: Layers = {}
        self._before, self._is_read = before, is_read
        self._shape = (len(lengths), max(lengths))
        filled = torch.arange(max(lengths), device=device)[None] < torch.tensor(lengths, device=device)[:, None]
        self._filled = None if len(set(lengths)) == 1 else filled  # (R, T)

    def __call__(self, module: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """query (1, heads, N, d) -> (1, N, heads, d)."""
        key, value = self._apart(key), self._apart(value)
        self.layers[module.layer_idx] = (key, value)
        if not self._is_read and getattr(module, "is_last_of_segments", False):
            return torch.zeros_like(query).transpose(1, 2)  # of the last layer only keys and values are needed
        query = self._apart(query)
        if self._before is None:
            return self._together(_attend_causal(query, key, value, scaling))
        n = query.shape[2]
        folded = _folded(query, key)
        later = torch.ones(n, n, dtype=torch.bool, device=query.device).triu(1)
        hidden = later.repeat(query.shape[1] // key.shape[1], 1)[None, None]
        own = attend(folded, key, value, scaling, hidden)
        out = own.joined(self._before.part(module.layer_idx, folded, scaling))
        return self._together(_unfolded(out.to(query.dtype), query))

    def _apart(self, packed: Tensor) -> Tensor:
        """(1, H, N, d) -> (R, H, T, d)"""
        if self._filled is None:
            return packed[0].view(packed.shape[1], *self._shape, -1).transpose(0, 1).contiguous()
        rows = packed.new_zeros(*self._shape, packed.shape[1], packed.shape[3])
        rows[self._filled] = packed[0].transpose(0, 1)
        return rows.transpose(1, 2).contiguous()

    def _together(self, rows: Tensor) -> Tensor:
        """(R, T, heads, d) -> (1, N, heads, d)"""
        return (rows.flatten(0, 1) if self._filled is None else rows[self._filled])[None]


def _attend_causal(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    """(R, heads, T, d) -> (R, T, heads, d). What lies behind a row's tokens is padding, which none of them sees."""
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling).transpose(1, 2)


def _carrier(attend: Attend, read: Tensor | None = None) -> Tensor:
    """A mask of the shape that transformers passes through unread; it carries how to attend and which states are read."""
    mask = torch.zeros(1, 1, 1, 1)
    mask.attend = attend  # type: ignore[attr-defined]
    mask.read = read  # type: ignore[attr-defined]
    return mask


def _folded(query: Tensor, key: Tensor) -> Tensor:
    """(R, heads, n, d) -> (R, H, heads / H * n, d): the query heads that one key head serves, side by side."""
    rows, heads, n, size = query.shape
    return query.reshape(rows, key.shape[1], heads // key.shape[1] * n, size)


def _unfolded(out: Tensor, query: Tensor) -> Tensor:
    """The reverse of `_folded`, in the order that transformers wants: (R, n, heads, d)."""
    rows, heads, n, _ = query.shape
    return out.reshape(rows, heads, n, -1).transpose(1, 2)
