"""Where the answers of a training step come from: stored pairs, or pairs made by the policy as it is."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from alignment.batching.collate import Row, score_rows
from alignment.batching.policy import Policy
from alignment.batching.rows import Rows
from alignment.settings import Settings
from alignment.weights.trainable import Trainable, evaluating
from alignment.weights.workers import workers

T = TypeVar("T")


class Sample(NamedTuple):
    """One prompt of a step: its row, and precomputed values of its answers, e.g. {"reference": (1 + K,) log-probabilities}."""

    id: str
    row: Row
    known: Mapping[str, Tensor]


class Supply(Protocol):
    """The prompts of a training, by index; `take` may add figures to the step's log row.

    Every process takes its share of a step, also one without a prompt in it. Figures are those of the whole step, the same in
    every process, and are logged as they are: see `of_all_processes`.
    `repeats`: steps in a row that learn from the same answers; a state is saved at the end of such a series only.
    """

    @property
    def repeats(self) -> int: ...
    def __len__(self) -> int: ...
    def take(self, step: int, indices: Sequence[int]) -> tuple[list[Sample], dict[str, float]]: ...


def of_all_processes(own: Iterable[T]) -> list[T]:
    """What came of a step's prompts, one entry a prompt or an answer, of every process by rank. All processes must call it.

    Counts, shares and refusals that are made of this do not depend on the number of processes; a mean of the processes' own
    shares would.
    """
    return [one for part in workers().gather(list(own)) for one in part]


@runtime_checkable
class LooksAhead(Protocol):
    """A supply of stored pairs: these are taken next, so that their images may be processed ahead."""

    def expect(self, indices: Sequence[int]) -> None: ...


class Score(Protocol):
    """Rows -> the reference's log-probabilities at a temperature, row by row: of each answer, or of each scored token."""

    def __call__(self, rows: Sequence[Row], of_tokens: bool = False, temperature: float = 1.0) -> list[Tensor]: ...


@runtime_checkable
class Online(Protocol):
    """Makes a step's pairs from the policy in training."""

    def facts(self) -> dict[str, Any]: ...  # all that the pairs depend on besides weights and prompts
    def supply(self, policy: Policy, rows: Rows, image_root: Path, reference: Score) -> Supply: ...


class Stored(NamedTuple):
    """Pairs as they are, with reference values computed before training."""

    rows: Rows
    reference: Sequence[Tensor] | None
    states: Sequence[Tensor] | None = None  # the reference's, at each scored token
    repeats: int = 1

    def __len__(self) -> int:
        return len(self.rows)

    def expect(self, indices: Sequence[int]) -> None:
        self.rows.expect(indices)

    def take(self, step: int, indices: Sequence[int]) -> tuple[list[Sample], dict[str, float]]:
        kinds = (("reference", self.reference), ("reference_states", self.states))
        of = [{name: values[i] for name, values in kinds if values is not None} for i in indices]
        return [Sample(self.rows.pairs[i].id, self.rows[i], k) for i, k in zip(indices, of, strict=True)], {}


class Reference:
    """The policy as loaded, for scoring answers that did not exist before training.

    Under LoRA it is the policy with its adapter off; with full weights a copy, made before the first step; or `other`.
    """

    def __init__(self, policy: Policy, settings: Settings, other: Policy | None = None) -> None:
        self._policy = other or (policy if settings.lora is not None else copy.deepcopy(policy))
        self._rows_at_once = settings.micro_batch

    def of(self, trained: Trainable) -> Score:
        def reference(rows: Sequence[Row], of_tokens: bool = False, temperature: float = 1.0) -> list[Tensor]:
            with trained.as_loaded():
                return self._score(rows, of_tokens, temperature)

        return reference

    @torch.no_grad()
    def _score(self, rows: Sequence[Row], of_tokens: bool, temperature: float) -> list[Tensor]:
        values = list[Tensor]()
        with evaluating(self._policy.module):
            for start in range(0, len(rows), self._rows_at_once):
                values += score_rows(self._policy, rows[start : start + self._rows_at_once], of_tokens, temperature)
        return values
