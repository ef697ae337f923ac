"""TR-DPO: a reference that follows the policy, moved towards it at a fixed interval of steps.

Gorbatovski et al. 2024, arXiv:2404.09656; TRL: `sync_ref_model`. Its values cannot be computed before training, so each step
scores its answers with the reference's weights in place of the policy's: of what trains, one copy more, and no second model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from alignment.batching.collate import score_rows
from alignment.batching.policy import Policy
from alignment.batching.rows import Rows
from alignment.training.preference import Sync
from alignment.training.sample_supply import Sample
from alignment.weights.trainable import Trainable, evaluating


class Moving:
    """Stored pairs with the reference's log-probabilities as they are in each step (per token where required).

    `trained.anchor` has the reference's weights; they are part of a saved state.
    """

    repeats = 1

    def __init__(self, policy: Policy, rows: Rows, trained: Trainable, sync: Sync, rows_at_once: int, of_tokens: bool) -> None:
        self._policy, self._rows, self._trained, self._sync = policy, rows, trained, sync
        self._rows_at_once, self._of_tokens, self._moved_before = rows_at_once, of_tokens, 0
        trained.anchor.update({name: weight.detach().clone() for name, weight in trained.weights.items()})

    def __len__(self) -> int:
        return len(self._rows)

    def expect(self, indices: Sequence[int]) -> None:
        self._rows.expect(indices)

    def take(self, step: int, indices: Sequence[int]) -> tuple[list[Sample], dict[str, float]]:
        if step and step % self._sync.every == 0 and self._moved_before != step:
            self._moved_before = step
            for name, value in self._trained.anchor.items():
                value.lerp_(self._trained.weights[name].detach(), self._sync.mix)
        rows, found = [self._rows[i] for i in indices], list[Tensor]()
        with self._anchored(), torch.no_grad():
            for start in range(0, len(rows), self._rows_at_once):
                found += score_rows(self._policy, rows[start : start + self._rows_at_once], self._of_tokens)
        return [Sample(row.id, row, {"reference": known}) for row, known in zip(rows, found, strict=True)], {}

    @contextmanager
    def _anchored(self) -> Iterator[None]:
        """The reference's weights in the policy's places, without dropout, inside the block."""
        now = {name: weight.data for name, weight in self._trained.weights.items()}
        for name, weight in self._trained.weights.items():
            weight.data = self._trained.anchor[name]
        try:
            with evaluating(self._policy.module):
                yield
        finally:
            for name, weight in self._trained.weights.items():
                weight.data = now[name]
