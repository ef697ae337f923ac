"""The objective of methods that learn from rated answers one by one: KTO, and APO-zero on single answers.

A row holds the rated answers to a prompt and, behind them, one answer that belongs to another prompt: KTO measures on it how
far the policy is from the reference. TRL makes that answer a row of its own, with its image; here it is one more answer
behind the prompt. The estimate is taken over the whole step, so that micro-batch size and number of processes change nothing
(TRL: over a micro-batch of at least two rows).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from alignment.batching.collate import Batch, Row, score
from alignment.batching.logps import AnswerLogps
from alignment.batching.policy import Policy
from alignment.batching.rows import Mismatched, Rows
from alignment.losses._unpaired.apo_zero_unpaired import apo_zero_unpaired
from alignment.losses._unpaired.kto import kto, mismatch_kl
from alignment.training.objectives import Known, Part, Rewards, Totals
from alignment.training.sample_supply import Sample
from harness.core.errors import TrainingError
from harness.core.preference import PreferencePair

LOSSES = ("kto", "apo_zero_unpaired")


@dataclass(frozen=True, slots=True)
class Unpaired:
    """Turns the log-probabilities of rated answers into a step's loss: its mean over all answers."""

    loss: str = "kto"
    beta: float = 0.1
    desirable_weight: float = 1.0
    undesirable_weight: float = 1.0
    needs_reference: bool = True

    @property
    def whole_step(self) -> bool:
        return self.loss == "kto"

    @property
    def rewards(self) -> Rewards:
        return Rewards(self.beta)

    def facts(self) -> dict[str, Any]:
        weights = {"desirable_weight": self.desirable_weight, "undesirable_weight": self.undesirable_weight}
        return {"loss": self.loss, "beta": self.beta, **weights}

    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]:
        return {}

    def row(self, row: Row) -> Row:
        return Row(row.id, row.prompt, row.answers[:-1])

    def seen(self, row: Row) -> Row:
        return Row(row.id, row.prompt, row.answers[-1:])

    def totals(self, rows: Sequence[Row]) -> Totals:
        return Totals(len(rows), 0, answers=sum(len(row.answers) for row in rows))

    def look(self, policy: Policy, batch: Batch, known: Known) -> tuple[Tensor, Tensor]:
        """Mismatched answers of a micro-batch under policy and reference, (B,) each."""
        return score(policy, batch).cpu(), known["kl_reference"]

    def views(self, looks: Sequence[Sequence[tuple[Tensor, Tensor]]], rank: int, past: Mapping[str, float]) -> list[Tensor]:
        """The divergence estimate of the step, (), the same for every micro-batch."""
        policy, reference = (torch.cat([part[side] for parts in looks for part in parts]) for side in (0, 1))
        return [mismatch_kl(policy, reference.to(policy))] * (len(looks[rank]) + 1)

    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part:
        logps = score(policy, batch)
        reference, desirable = known["reference"].to(logps), known["desirable"].to(logps.device)
        loss, figures = self.losses(AnswerLogps(logps, desirable), AnswerLogps(reference, desirable), totals.step)
        reward = self.beta * (logps.detach() - reference)
        values = {
            "rewards/chosen": reward[desirable],
            "rewards/rejected": reward[~desirable],
            "logps/chosen": logps.detach()[desirable],
            "logps/rejected": logps.detach()[~desirable],
        }
        return Part(loss.sum() / totals.answers, values, figures)

    def losses(self, policy: AnswerLogps, reference: AnswerLogps, kl: Tensor | None) -> tuple[Tensor, dict[str, float]]:
        """One loss an answer, (A,), and figures of the step; `kl` is the estimate of `views`."""
        weights = {"desirable_weight": self.desirable_weight, "undesirable_weight": self.undesirable_weight}
        if self.loss != "kto":
            return apo_zero_unpaired(policy, reference, beta=self.beta, **weights), {}
        if kl is None:
            raise TrainingError("The loss kto needs the divergence estimate of its step.")
        return kto(policy, reference, kl.to(policy.logps), beta=self.beta, **weights), {"kl": float(kl)}


class Rated:
    """Stored answers with their ratings and the reference's log-probabilities."""

    repeats = 1

    def __init__(self, rows: Mismatched, reference: Sequence[Tensor]) -> None:
        self._rows, self._reference = rows, reference

    def __len__(self) -> int:
        return len(self._rows)

    def expect(self, indices: Sequence[int]) -> None:
        self._rows.expect(indices)

    def take(self, step: int, indices: Sequence[int]) -> tuple[list[Sample], dict[str, float]]:
        return [self._sample(i) for i in indices], {}

    def _sample(self, index: int) -> Sample:
        pair, reference = self._rows.pairs[index], self._reference[index]
        known = {"reference": reference[:-1], "kl_reference": reference[-1:], "desirable": desirable(pair)}
        return Sample(pair.id, self._rows[index], known)


def desirable(pair: PreferencePair) -> Tensor:
    """(n,) bool: which of the answers are good."""
    return torch.tensor([bool(pair.chosen) and n == 0 for n in range(len(pair.answers))])


def require_both_kinds(pairs: Sequence[PreferencePair]) -> None:
    """Raise TrainingError where all answers are rated alike."""
    good = sum(bool(pair.chosen) for pair in pairs)
    bad = sum(len(pair.rejected) for pair in pairs)
    if not (good and bad):
        kind = "undesirable" if good else "desirable"
        raise TrainingError(
            f"All {good + bad} answers are {'desirable' if good else 'undesirable'}; learning from ratings needs both kinds. "
            f"Add {kind} answers, or use the aligner {'sft' if good else 'dpo with pairs'}."
        )


def require_two_prompts(pairs: Sequence[PreferencePair], loss: str) -> None:
    """Raise TrainingError where the loss takes answers to other prompts, and all pairs ask the same about the same image."""
    if loss == "kto" and len({(pair.image, pair.prompt) for pair in pairs}) < 2:
        raise TrainingError(
            "KTO needs at least two prompts: its divergence estimate takes the answer of another one. Add rows, or use "
            "loss: apo_zero_unpaired."
        )


def mismatched(rows: Rows, loss: str = "kto") -> Mismatched:
    """Rows as the objective reads them. Raises TrainingError where all answers are rated alike, or to one prompt."""
    require_both_kinds(rows.pairs)
    require_two_prompts(rows.pairs, loss)
    return Mismatched(rows)
