"""What a training step makes small: a preference loss, or the chosen answers' own likelihood.

An objective sees one micro-batch at a time and returns an *addend* of the step's loss: means run over the whole step
(all its pairs, all its answers, all its tokens), so that micro-batch size and number of processes change nothing but
speed and memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from alignment.batching.collate import Batch, Row, answer_tokens, pair_logps, score
from alignment.batching.logps import PairLogps, PairLoss
from alignment.batching.policy import Policy

Loss = Callable[..., PairLoss]


class Totals(NamedTuple):
    """What a step's means are over."""

    pairs: int
    chosen_tokens: int
    answers: int = 0
    tokens: int = 0


class Part(NamedTuple):
    """One micro-batch: `loss` adds up to the step's loss; `values` by TRL name, one entry a pair."""

    loss: Tensor  # ()
    values: dict[str, Tensor]  # each (n,): pairs, answers or whatever the objective averages over


Known = Mapping[str, Tensor]  # what a supply knows of a micro-batch's answers: "reference" (A,), "rewards" (A,), ...


class Objective(Protocol):
    """Turns a micro-batch into a loss."""

    @property
    def needs_reference(self) -> bool: ...
    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]: ...  # trained beside the policy, kept beside it
    def row(self, row: Row) -> Row: ...  # the answers it needs
    def totals(self, rows: Sequence[Row]) -> Totals: ...
    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part: ...
    def facts(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Preference:
    """A loss over pairs, plus `sft_weight` times the token mean of the chosen answers' negative log-likelihood."""

    loss: Loss
    name: str
    beta: float
    options: Mapping[str, Any] = field(default_factory=dict)
    sft_weight: float = 0.0
    needs_reference: bool = True

    def facts(self) -> dict[str, Any]:
        return {"loss": self.name, "beta": self.beta, "options": dict(self.options), "sft_weight": self.sft_weight}

    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]:
        return {}

    def row(self, row: Row) -> Row:
        return row

    def totals(self, rows: Sequence[Row]) -> Totals:
        return Totals(sum(len(r.answers) - 1 for r in rows), sum(len(r.answers[0]) for r in rows))

    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part:
        answers, tokens, counts = score(policy, batch), answer_tokens(batch), batch.answers_of_row
        now = pair_logps(answers, tokens, counts)
        base = pair_logps(known["reference"].to(answers), tokens, counts)
        got = self.loss(now, base, beta=self.beta, **self.options)
        loss = got.loss.sum() / totals.pairs
        if self.sft_weight:
            loss = loss + self.sft_weight * _nll(now, totals)
        margin = got.chosen_reward - got.rejected_reward
        return Part(
            loss,
            {
                "rewards/chosen": got.chosen_reward,
                "rewards/rejected": got.rejected_reward,
                "rewards/accuracies": (margin > 0).float(),
                "rewards/margins": margin,
                "logps/chosen": now.chosen.detach(),
                "logps/rejected": now.rejected.detach(),
            },
        )


@dataclass(frozen=True, slots=True)
class Imitation:
    """Further supervised fine-tuning on the chosen answers: token mean of the negative log-likelihood."""

    needs_reference: bool = False

    def facts(self) -> dict[str, Any]:
        return {"loss": "sft"}

    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]:
        return {}

    def row(self, row: Row) -> Row:
        return Row(row.id, row.prompt, row.answers[:1])

    def totals(self, rows: Sequence[Row]) -> Totals:
        return Totals(len(rows), sum(len(r.answers[0]) for r in rows))

    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part:
        answers = score(policy, batch)
        return Part(-answers.sum() / totals.chosen_tokens, {"logps/chosen": answers.detach()})


def _nll(policy: PairLogps, totals: Totals) -> Tensor:
    """A row's chosen answer counts once, however many rejected ones stand against it."""
    assert policy.rank is not None
    once = torch.where(policy.rank == 0, policy.chosen, torch.zeros_like(policy.chosen))
    return -once.sum() / totals.chosen_tokens
