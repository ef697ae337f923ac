"""Key/value cache of a running batch, for models that need their own attention: every row's whole prompt in a cache.

Shared prefixes are still read once, then repeated for their rows. Rows of similar lengths are kept together, padded on the
left; those that join later are moved up to the last slot. Layers with a running state (see `Family.recurrent`) forget nothing
of padding in the middle of a row, so there what is read behind a shared prefix has one length for all rows of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache

from harness.models._engine.grouping import Group
from harness.models._engine.kv_shelves import capacity
from harness.models._engine.language_model import LanguageModel, Piece


@dataclass
class _Side:
    """Rows that are computed together: places in the batch, cache, mask (R, S) (see `Tokens`), positions (R,) or (R, 3)."""

    rows: list[int]
    cache: DynamicCache
    mask: Tensor
    positions: Tensor

    @property
    def kind(self) -> int:
        return capacity(self.mask.shape[1])

    def joined(self, other: _Side) -> _Side:
        """Both, the other's rows behind."""
        width = max(self.mask.shape[1], other.mask.shape[1])
        for kept, new in zip(self.cache.layers, other.cache.layers, strict=True):
            _join(kept, new, width)
        mask = torch.cat([_widened(self.mask, width, 1), _widened(other.mask, width, 1)])
        return _Side(self.rows + other.rows, self.cache, mask, torch.cat([self.positions, other.positions]))


class PlainKVCache:
    """The same interface as `SharedPrefixKVCache`; rows whose answers are known are computed like the others."""

    shared_slots = 0

    def __init__(self, language: LanguageModel) -> None:
        self._language = language
        self._sides: list[_Side] = []

    @staticmethod
    def cost(group: Group) -> int:
        """Slots that a group may take up to the end of its answers."""
        return sum(PlainKVCache.own(row, group) for row in group.rows)

    @staticmethod
    def own(row: Any, group: Group) -> int:
        """Slots that a row may take."""
        return capacity(len(row.ids) + row.request.decoding.max_new_tokens)

    def read(self, groups: Sequence[Group]) -> Tensor:
        """Final states (sum of all `wanted`, D) of the groups' last tokens, row after row; nothing is kept."""
        found: dict[int, Tensor] = {}
        for part in _alike(groups, self._language.family.recurrent):
            states, side = self._read(part)
            wanted = [n for group, _ in part for n in group.wanted]
            found |= {row: own[len(own) - n :] for row, own, n in zip(side.rows, states, wanted, strict=True)}
        return torch.cat([found[row] for row in range(len(found))])

    def join(self, groups: Sequence[Group], known: bool = False) -> Tensor:
        """Read the groups' prompts and take their rows in; logits (new rows, V)."""
        start = sum(len(side.rows) for side in self._sides)
        found: dict[int, Tensor] = {}
        for part in _alike(groups, self._language.family.recurrent):
            states, side = self._read(part)
            found |= dict(zip(side.rows, states[:, -1], strict=True))
            self._take_in(replace(side, rows=[start + row for row in side.rows]))
        return self._language.logits(torch.stack([found[row] for row in range(len(found))]))

    def step(self, tokens: Sequence[int], known: bool = False) -> Tensor:
        """One more token a row; logits (R, V)."""
        found: dict[int, Tensor] = {}
        for side in self._sides:
            following = self._language.next([tokens[row] for row in side.rows], side.positions, side.mask)
            side.mask = torch.cat([side.mask, following.mask], 1)
            side.positions = following.positions[:, -1]
            states = self._language.states(following, side.mask, side.cache)
            found |= dict(zip(side.rows, states[:, -1], strict=True))
        return self._language.logits(torch.stack([found[row] for row in range(len(found))]))

    def keep(self, rows: list[int]) -> None:
        """Only these rows stay."""
        number = {row: n for n, row in enumerate(rows)}
        kept = []
        for side in self._sides:
            stay = [n for n, row in enumerate(side.rows) if row in number]
            if not stay:
                continue
            if len(stay) < len(side.rows):
                at = torch.tensor(stay, dtype=torch.long, device=side.mask.device)
                side.cache.reorder_cache(at)
                side.mask, side.positions = side.mask[at], side.positions[at]
            side.rows = [number[side.rows[n]] for n in stay]
            kept.append(side)
        self._sides = kept

    def _take_in(self, new: _Side) -> None:
        for n, side in enumerate(self._sides):
            if side.kind == new.kind:
                self._sides[n] = side.joined(new)
                return
        self._sides.append(new)

    def _read(self, part: Sequence[tuple[Group, list[int]]]) -> tuple[Tensor, _Side]:
        """Final states (R, T, D) of what each row does not share, and the rows with what they have read."""
        groups = [group for group, _ in part]
        cache, before = self._language.cache(), None
        if max(group.shared for group in groups) > 0:
            firsts = self._language.tokens([Piece(group.rows[0], 0, group.shared) for group in groups])
            self._language.states(firsts, firsts.mask, cache)
            owner = torch.tensor([g for g, group in enumerate(groups) for _ in group.rows], device=firsts.mask.device)
            cache.reorder_cache(owner)
            before = firsts.mask[owner]
        rest = self._language.tokens([Piece(row, group.shared, len(row.ids)) for group in groups for row in group.rows])
        mask = rest.mask if before is None else torch.cat([before, rest.mask], 1)
        rows = [row for _, own in part for row in own]
        return self._language.states(rest, mask, cache), _Side(rows, cache, mask, rest.positions[:, -1])


def _alike(groups: Sequence[Group], evenly: bool = False) -> list[list[tuple[Group, list[int]]]]:
    """Groups and their rows' places, taken apart so that all rows of a part have similar lengths.

    evenly: the same number of tokens behind what they share.
    """
    parts: dict[tuple[tuple[int, int], bool], list[tuple[Group, list[int]]]] = {}
    start = 0
    for group in groups:
        own: dict[tuple[int, int], list[int]] = {}
        for n, row in enumerate(group.rows):
            rest = len(row.ids) - group.shared if evenly and group.shared else 0
            own.setdefault((capacity(len(row.ids)), rest), []).append(n)
        for kind, members in own.items():
            some = replace(group, rows=[group.rows[n] for n in members], wanted=[group.wanted[n] for n in members])
            parts.setdefault((kind, group.shared > 0), []).append((some, [start + n for n in members]))
        start += len(group.rows)
    return list(parts.values())


def _join(kept: Any, new: Any, width: int) -> None:
    """Put the rows of another cache's layer behind those of a layer: keys and values of `width` slots, or a running state."""
    if hasattr(kept, "recurrent_states"):
        for states, more in ((kept.conv_states, new.conv_states), (kept.recurrent_states, new.recurrent_states)):
            states.update({i: torch.cat([states[i], more[i]]) for i in states})
        return
    both = ((kept.keys, new.keys), (kept.values, new.values))
    kept.keys, kept.values = (torch.cat([_widened(t, width, 2) for t in pair]) for pair in both)


def _widened(t: Tensor, width: int, dimension: int) -> Tensor:
    """With zeros in front until it is `width` wide."""
    more = width - t.shape[dimension]
    return t if more == 0 else pad(t, (0, 0) * (t.dim() - 1 - dimension) + (more, 0))
