"""What a running batch has read: each shared beginning once, and each row's own keys and values.

Tokens are padded on the right, so that a row's own slots are its own: rows join and leave without moving others.
The language model reads through attention of our own (`_segments.NAME`), see `_beginnings.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from harness.models._beginnings import Beginnings, Layers, Part, attend, padding
from harness.models._language import LanguageModel, Piece, Tokens
from harness.models._planning import Group

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
        beginnings = Beginnings(shared, owner)
        if max(shared) > 0:
            firsts = self._language.tokens([Piece(g.rows[0], 0, g.shared) for g in groups], "right")
            collected = _Collector()
            unread = torch.zeros_like(firsts.ids, dtype=torch.bool)
            self._language.states(firsts, _carrier(_attend_unread, unread), collected)
            beginnings.layers = collected.layers
        rows = [(row, group.shared) for group in groups for row in group.rows]
        rest = self._language.tokens([Piece(row, n, len(row.ids)) for row, n in rows], "right")
        ends = torch.tensor([len(row.ids) - n for row, n in rows], device=rest.ids.device)
        wanted = torch.tensor([n for group in groups for n in group.wanted], device=rest.ids.device)
        slots = torch.arange(rest.ids.shape[1], device=rest.ids.device)[None]
        read = (slots < ends[:, None]) & (slots >= (ends - wanted)[:, None])
        collected = _Collector()
        mask = _carrier(_Rest(beginnings if max(shared) > 0 else None, read), read)
        states = self._language.states(rest, mask, collected)
        return states[read], beginnings, collected.layers

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


class _Collector:
    """A cache that hands back what it is given and keeps it."""

    def __init__(self) -> None:
        self.layers: Layers = {}

    def update(self, keys: Tensor, values: Tensor, layer_idx: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        self.layers[layer_idx] = (keys, values)
        return keys, values

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return 0


class _Rest:
    """Attention of tokens behind a shared beginning: over it, and causally over themselves."""

    def __init__(self, beginnings: Beginnings | None, read: Tensor) -> None:
        self._beginnings, self._read = beginnings, read

    def __call__(self, module: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        if self._beginnings is None:
            return _attend_causal(module, query, key, value, scaling)
        n = query.shape[2]
        folded = _folded(query, key)
        later = torch.ones(n, n, dtype=torch.bool, device=query.device).triu(1)
        hidden = later.repeat(query.shape[1] // key.shape[1], 1)[None, None]
        own = attend(folded, key, value, scaling, hidden)
        out = own.joined(self._beginnings.part(module.layer_idx, folded, scaling))
        return _unfolded(out.to(query.dtype), query)


def _attend_causal(module: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    """What lies behind a row's tokens is padding, which none of them sees."""
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling).transpose(1, 2)


def _attend_unread(module: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    """Of the last layer only keys and values are needed."""
    if getattr(module, "is_last_of_segments", False):
        return torch.zeros_like(query).transpose(1, 2)
    return _attend_causal(module, query, key, value, scaling)


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
