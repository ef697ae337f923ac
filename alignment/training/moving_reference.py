"""TR-DPO: a reference that follows the policy, moved towards it at a fixed interval of steps.

Gorbatovski et al. 2024, arXiv:2404.09656; TRL: `sync_ref_model`. Its values cannot be computed before training, so each step
scores its answers with the reference's weights in place of the policy's: of what trains, one copy more, and no second model.

Under LoRA what is mixed are the weights that adapters add, the products B A. (Versions before mixed A and B each on its own,
which is another matrix.) The sum of two products is one product of matrices side by side, so that the reference's adapters
grow by a rank with each move, up to the whole matrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from alignment.batching.collate import score_rows
from alignment.batching.policy import Policy
from alignment.batching.rows import Rows
from alignment.settings import Settings
from alignment.training.preference import Sync
from alignment.training.sample_supply import Sample
from alignment.weights.trainable import ADAPTER_A, ADAPTER_B, Trainable, evaluating

MIXED = {"adapters_mixed": "as products"}  # written beside the result: versions before wrote nothing


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
            now = {name: weight.detach() for name, weight in self._trained.weights.items()}
            self._trained.anchor.update(mixed(self._trained.anchor, now, self._sync.mix))
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


def mixed(reference: Mapping[str, Tensor], policy: Mapping[str, Tensor], mix: float) -> dict[str, Tensor]:
    """mix * policy + (1 - mix) * reference, by name; of adapters, A (r, in) and B (out, r), the same of their products."""
    found = {name: value.lerp(policy[name], mix) for name, value in reference.items() if not _is_adapter(name)}
    for down in (name for name in reference if ADAPTER_A in name):
        up = down.replace(ADAPTER_A, ADAPTER_B)
        found[down], found[up] = _side_by_side((policy[down], policy[up]), (reference[down], reference[up]), mix)
    return found


def _is_adapter(name: str) -> bool:
    return ADAPTER_A in name or ADAPTER_B in name


def _side_by_side(new: tuple[Tensor, Tensor], old: tuple[Tensor, Tensor], mix: float) -> tuple[Tensor, Tensor]:
    if mix == 1:
        return new[0].clone(), new[1].clone()
    down, up = torch.cat([new[0], old[0]]), torch.cat([mix * new[1], (1 - mix) * old[1]], dim=1)
    rank, rows, columns = len(down), len(up), down.shape[1]
    if rank <= min(rows, columns):
        return down, up
    product = up @ down  # of full rank already
    return (product, torch.eye(rows).to(up)) if rows <= columns else (torch.eye(columns).to(up), product)


def note_on_mixing(sync: Sync | None, settings: Settings, found: Mapping[str, Any]) -> tuple[str, ...]:
    """What is said of a result that a version before made under LoRA; `found`: what was written beside it."""
    if sync is None or sync.mix == 1 or settings.lora is None or found["step"] <= sync.every or MIXED.keys() <= found.keys():
        return ()
    return (
        "The reference was moved by an earlier version, which mixed the two matrices of each adapter one by one: it was not "
        "mix * policy + (1 - mix) * reference, but some percent off. Remove the arm's folder to train again.",
    )
