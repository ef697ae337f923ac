"""What a running batch has read, for models that need attention of their own: every row's whole prompt in one cache.

Shared beginnings are still read once, then repeated for their rows. Rows are padded on the left; those that join later
are moved up to the last slot.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache

from harness.models._engine.grouping import Group
from harness.models._engine.language_model import LanguageModel, Piece, Tokens


class PlainMemory:
    """The same doors as `SharedMemory`; rows whose answers are known are computed like the others."""

    def __init__(self, language: LanguageModel) -> None:
        self._language = language
        self._cache: DynamicCache | None = None
        self._mask = torch.zeros(0, 0)  # (R, S), see `Tokens`
        self._positions = torch.zeros(0)  # (R,) or (R, 3)

    @staticmethod
    def cost(group: Group) -> int:
        """Slots that a group needs before its first new token."""
        return sum(len(row.ids) for row in group.rows)

    def read(self, groups: Sequence[Group]) -> Tensor:
        """Final states (sum of all `wanted`, D) of the groups' last tokens, row after row; nothing is kept."""
        states, *_ = self._read(groups)
        wanted = [n for group in groups for n in group.wanted]
        return torch.cat([own[len(own) - n :] for own, n in zip(states, wanted, strict=True)])

    def join(self, groups: Sequence[Group], known: bool = False) -> Tensor:
        """Read the groups' prompts and take their rows in; logits (new rows, V)."""
        states, rest, mask, cache = self._read(groups)
        if self._cache is None:
            self._cache, self._mask, self._positions = cache, mask, rest.positions[:, -1]
        else:
            width = max(mask.shape[1], self._mask.shape[1])
            for kept, new in zip(self._cache.layers, cache.layers, strict=True):
                both = ((kept.keys, new.keys), (kept.values, new.values))
                kept.keys, kept.values = (torch.cat([_widened(t, width, 2) for t in pair]) for pair in both)
            self._mask = torch.cat([_widened(self._mask, width, 1), _widened(mask, width, 1)])
            self._positions = torch.cat([self._positions, rest.positions[:, -1]])
        return self._language.logits(states[:, -1])

    def step(self, tokens: Sequence[int], known: bool = False) -> Tensor:
        """One more token a row; logits (R, V)."""
        following = self._language.next(tokens, self._positions, self._mask)
        self._mask = torch.cat([self._mask, following.mask], 1)
        self._positions = following.positions[:, -1]
        return self._language.logits(self._language.states(following, self._mask, self._cache)[:, -1])

    def keep(self, rows: list[int]) -> None:
        """Only these rows stay."""
        assert self._cache is not None
        at = torch.tensor(rows, dtype=torch.long, device=self._mask.device)
        self._cache.batch_select_indices(at)
        self._mask, self._positions = self._mask[at], self._positions[at]

    def _read(self, groups: Sequence[Group]) -> tuple[Tensor, Tokens, Tensor, DynamicCache]:
        """Final states (R, T, D) of what each row does not share, those tokens, the mask (R, S) and the cache."""
        cache, before = self._language.cache(), None
        if max(group.shared for group in groups) > 0:
            firsts = self._language.tokens([Piece(group.rows[0], 0, group.shared) for group in groups])
            self._language.states(firsts, firsts.mask, cache)
            owner = torch.tensor([g for g, group in enumerate(groups) for _ in group.rows], device=firsts.mask.device)
            cache.batch_select_indices(owner)
            before = firsts.mask[owner]
        rest = self._language.tokens([Piece(row, group.shared, len(row.ids)) for group in groups for row in group.rows])
        mask = rest.mask if before is None else torch.cat([before, rest.mask], 1)
        return self._language.states(rest, mask, cache), rest, mask, cache


def _widened(t: Tensor, width: int, dimension: int) -> Tensor:
    """With zeros in front until it is `width` wide."""
    more = width - t.shape[dimension]
    return t if more == 0 else pad(t, (0, 0) * (t.dim() - 1 - dimension) + (more, 0))
