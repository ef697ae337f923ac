"""Where the answers of a training step come from: stored pairs, or pairs made by the policy as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from alignment.batches import Row, collate, score
from alignment.policy import Policy
from alignment.rows import Rows
from alignment.settings import Settings
from alignment.trainable import Trainable


class Sample(NamedTuple):
    """One pair of a step: its row, and the reference's log-probabilities of its answers, (1 + K,), if needed."""

    id: str
    row: Row
    reference: Tensor | None


class Supply(Protocol):
    """The pairs of a training, by index; `take` may add figures to the step's log row."""

    def __len__(self) -> int: ...
    def take(self, step: int, indices: Sequence[int]) -> tuple[list[Sample], dict[str, float]]: ...


Score = Callable[[Sequence[Row]], list[Tensor]]  # rows -> the reference's log-probabilities of each row's answers


class Online(Protocol):
    """Makes a step's pairs from the policy in training."""

    def facts(self) -> dict[str, Any]: ...  # all that the pairs depend on besides weights and prompts
    def supply(self, policy: Policy, rows: Rows, image_root: Path, reference: Score) -> Supply: ...


class Stored(NamedTuple):
    """Pairs as they are, with reference values computed before training."""

    rows: Rows
    reference: Sequence[Tensor] | None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, step: int, indices: Sequence[int]) -> tuple[list[Sample], dict[str, float]]:
        known = self.reference
        return [Sample(self.rows.pairs[i].id, self.rows[i], known[i] if known else None) for i in indices], {}


class Reference:
    """The policy as loaded, for scoring answers that did not exist before training.

    Under LoRA it is the policy with its adapter off; with full weights a copy, made before the first step.
    """

    def __init__(self, policy: Policy, settings: Settings) -> None:
        self._policy = policy if settings.lora is not None else copy.deepcopy(policy)
        self._rows_at_once = settings.micro_batch

    def of(self, trained: Trainable) -> Score:
        adapter = trained.adapter

        def reference(rows: Sequence[Row]) -> list[Tensor]:
            with adapter.disable_adapter() if adapter is not None else nullcontext():
                return self._score(rows)

        return reference

    @torch.no_grad()
    def _score(self, rows: Sequence[Row]) -> list[Tensor]:
        module = self._policy.module
        was_training = module.training
        module.eval()
        values = list[Tensor]()
        for start in range(0, len(rows), self._rows_at_once):
            batch = collate(rows[start : start + self._rows_at_once], self._policy.pad_token_id)
            values += torch.split(score(self._policy, batch).cpu(), list(batch.answers_of_row))
        module.train(was_training)
        return values
