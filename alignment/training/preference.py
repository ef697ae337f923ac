"""The objective of preference methods: one loss over pairs, or a weighted mixture of several.

A mixture's loss is the sum of weight times mean, as in TRL's multi-loss. Options that change what a loss is given:
f-divergences (other scores than the log-ratio), LD-DPO (tokens beyond the shorter answer count less), WPO (pairs are weighted
by their likelihood under the policy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from alignment.batching.collate import Batch, Row, answer_tokens, pair_indices, pair_logps, score_tokens, states
from alignment.batching.logps import (
    PairLogps,
    PairLoss,
    answer_logps,
    answer_weights,
    desensitised,
    each,
    log_sum_squares,
    rewards,
)
from alignment.batching.policy import Policy
from alignment.losses._traits import Traits, traits_of
from alignment.losses.answer.bco_pair_running import DELTA, SEEN
from alignment.training.objectives import Known, Part, Rewards, Totals
from alignment.training.step_of_pairs import Step, step_of
from harness.core.errors import TrainingError

Loss = Callable[..., PairLoss]
Divergence = Callable[[Tensor, float], Tensor]
_LARGEST = 80.0  # exponent of the alpha divergence, as in TRL


def _alpha(ratio: Tensor, a: float) -> Tensor:
    return ratio if a == 1 else (((a - 1) * ratio).clamp(max=_LARGEST).exp() - 1) / (a - 1)


# log-ratio r, (B,) -> score; Wang et al. 2023, arXiv:2309.16240; names and alpha as in TRL 1.16
DIVERGENCES: dict[str, Divergence] = {
    "reverse_kl": lambda ratio, _: ratio,
    "forward_kl": lambda ratio, _: 1 - (-ratio).exp(),
    "js_divergence": lambda ratio, _: torch.log(torch.tensor(2.0)).to(ratio) + logsigmoid(ratio),
    "alpha_divergence": _alpha,
}


@dataclass(frozen=True, slots=True)
class Sync:
    """Every `every` steps the reference becomes mix * policy + (1 - mix) * reference."""

    every: int = 512
    mix: float = 0.6


class Term(NamedTuple):
    """One loss of a mixture. `options` of the loss, beta among them."""

    name: str
    loss: Loss
    weight: float
    options: Mapping[str, Any]

    @property
    def traits(self) -> Traits:
        return traits_of(self.loss)

    @property
    def beta(self) -> float:
        return float(self.options["beta"])


@dataclass(frozen=True, slots=True)
class Preference:
    """Turns the log-probabilities of pairs into a step's loss."""

    terms: tuple[Term, ...]
    divergence: str = "reverse_kl"
    alpha: float = 0.5  # of the alpha divergence
    ld_alpha: float | None = None
    weighted: bool = False
    sync: Sync | None = None  # a reference that follows the policy

    @property
    def needs_reference(self) -> bool:
        return any(term.traits.reference for term in self.terms)

    @property
    def reads_tokens(self) -> bool:
        return self.ld_alpha is not None

    @property
    def bent(self) -> bool:
        """Whether scores are others than log-ratios."""
        return self.divergence != "reverse_kl"

    @property
    def whole_step(self) -> bool:
        return any(term.traits.whole_step for term in self.terms)

    def facts(self) -> dict[str, Any]:
        options = {"f_divergence_type": self.divergence, "f_alpha_divergence_coef": self.alpha} if self.bent else {}
        options |= {} if self.ld_alpha is None else {"ld_alpha": self.ld_alpha}
        options |= {"use_weighting": True} if self.weighted else {}
        options |= {"reference_sync": [self.sync.every, self.sync.mix]} if self.sync is not None else {}
        first, *rest = self.terms
        if first.weight == 1 and [term.name for term in rest] in ([], ["sft"]):  # the form of the first release
            own = {name: value for name, value in first.options.items() if name != "beta"}
            weight = rest[0].weight if rest else 0.0
            return {"loss": first.name, "beta": first.beta, "options": own, "sft_weight": weight, **options}
        return {"loss": [{"name": t.name, "weight": t.weight, **t.options} for t in self.terms], **options}

    @property
    def rewards(self) -> Rewards:
        """Without a beta where they are no log-ratios, or the reference follows the policy."""
        beta = self.terms[self._first].beta if self.needs_reference and self.sync is None else None
        return Rewards(beta, any(term.traits.lowers_chosen for term in self.terms))

    @property
    def _first(self) -> int:
        """The term whose rewards are logged."""
        return next((i for i, term in enumerate(self.terms) if term.traits.reference), 0)

    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]:
        return {}

    def row(self, row: Row) -> Row:
        return row

    def totals(self, rows: Sequence[Row]) -> Totals:
        return Totals(sum(len(r.answers) - 1 for r in rows), sum(len(r.answers[0]) for r in rows))

    def seen(self, row: Row) -> Row:
        return row

    def look(self, policy: Policy, batch: Batch, known: Known) -> tuple[PairLogps, PairLogps]:
        """Pairs of a micro-batch under policy and reference, on the CPU."""
        now, base, _ = self.pairs(policy, batch, known)
        return each(now, lambda v: v.detach().cpu()), each(base, lambda v: v.detach().cpu())

    def views(self, looks: Sequence[Sequence[tuple[PairLogps, PairLogps]]], rank: int, past: Mapping[str, float]) -> list[Step]:
        """All pairs of the step, as each micro-batch of this process stands in them."""
        whole = step_of([part for parts in looks for part in parts], past)
        before = sum(len(now.chosen) for parts in looks[:rank] for now, _ in parts)
        sizes = [len(now.chosen) for now, _ in looks[rank]]
        return [whole._replace(start=before + sum(sizes[:i])) for i in range(len(sizes))] + [whole]

    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part:
        now, base, weights = self.pairs(policy, batch, known)
        return self.addend(now, base, totals, weights)

    def pairs(self, policy: Policy, batch: Batch, known: Known) -> tuple[PairLogps, PairLogps, Tensor | None]:
        """Pairs of a micro-batch under policy and reference, and the weight of each, (B,), where weighting is on."""
        hidden = states(policy, batch)
        per_token, answer = score_tokens(policy, hidden, batch), batch.answer.to(hidden.device)
        tokens, counts = answer_tokens(batch), batch.answers_of_row
        answers = answer_logps(per_token, answer, sum(counts))
        now = pair_logps(answers, tokens, counts)
        weights = None
        if self.weighted:
            squares = log_sum_squares(hidden, policy.head(), batch.score_at.to(hidden.device))
            of = pair_logps(answer_weights(per_token, squares, answer, sum(counts)), tokens, counts)
            weights = of.chosen * of.rejected
        if "reference" not in known:
            return now, now._replace(chosen=now.chosen.detach(), rejected=now.rejected.detach()), weights
        reference = known["reference"].to(answers)
        if self.ld_alpha is None:
            return now, pair_logps(reference, tokens, counts), weights
        lengths, indices = tokens.tolist(), pair_indices(counts)
        weighed = [desensitised(values, lengths, indices, self.ld_alpha) for values in (per_token, reference)]
        (chosen, rejected), (base_chosen, base_rejected) = weighed
        base = now._replace(chosen=base_chosen, rejected=base_rejected)
        return now._replace(chosen=chosen, rejected=rejected, chosen_whole=now.chosen), base, weights

    def addend(self, now: PairLogps, base: PairLogps, totals: Totals, weights: Tensor | None = None) -> Part:
        """What pairs add to the step's loss, and the values to log, one a pair."""
        found = [self._term(term, now, base, totals, weights) for term in self.terms]
        loss = torch.stack([value for value, _ in found]).sum()
        first = self._first
        shown = found[first][1]
        figures = {name: value for _, got in found for name, value in got.figures.items()}
        chosen, rejected = shown.chosen_reward, shown.rejected_reward
        if self.bent:  # rewards stay those of the log-ratio, as TRL logs them
            chosen, rejected = (r.detach() for r in rewards(now, base, self.terms[first].beta))
        margin = chosen - rejected
        values = {
            "rewards/chosen": chosen,
            "rewards/rejected": rejected,
            "rewards/accuracies": (margin > 0).float(),
            "rewards/margins": margin,
            "logps/chosen": now.chosen.detach(),
            "logps/rejected": now.rejected.detach(),
        }
        return Part(loss, values, figures)

    def _term(
        self, term: Term, now: PairLogps, base: PairLogps, totals: Totals, weights: Tensor | None
    ) -> tuple[Tensor, PairLoss]:
        """A term's addend to the step's loss."""
        if term.traits.whole_step:
            return _of_whole_step(term, now, totals.step, totals)
        got = term.loss(*self._given(term, now, base), **term.options)
        per_pair = got.loss if weights is None else got.loss * weights
        loss = per_pair.sum() / totals.pairs
        if got.token_loss is not None:
            loss = loss + got.token_loss.sum() / totals.chosen_tokens
        return term.weight * loss, got

    def _given(self, term: Term, now: PairLogps, base: PairLogps) -> tuple[PairLogps, PairLogps]:
        """Log-probabilities as a loss takes them: an f-divergence's scores replace the log-ratios, over a reference of 0."""
        if not term.traits.reference:
            return (now if now.chosen_whole is None else now._replace(chosen=now.chosen_whole)), base
        if not self.bent:
            return now, base
        score = DIVERGENCES[self.divergence]
        chosen, rejected = score(now.chosen - base.chosen, self.alpha), score(now.rejected - base.rejected, self.alpha)
        zero = torch.zeros_like(chosen)
        return now._replace(chosen=chosen, rejected=rejected), base._replace(chosen=zero, rejected=zero)


def _of_whole_step(term: Term, now: PairLogps, step: Any, totals: Totals) -> tuple[Tensor, PairLoss]:
    """The loss of the whole step with this micro-batch's pairs in place: its gradient is theirs, its value their share."""
    if not isinstance(step, Step):
        raise TrainingError(f"The loss {term.name} needs all pairs of a step at once.")
    end, n = step.start + len(now.chosen), len(step.policy.chosen)
    device = now.chosen.device
    live = [
        torch.cat([whole[: step.start].to(device), own, whole[end:].to(device)])
        for whole, own in zip((step.policy.chosen, step.policy.rejected), (now.chosen, now.rejected), strict=True)
    ]
    base = each(step.reference, lambda value: value.to(device))
    got = term.loss(step.policy._replace(chosen=live[0], rejected=live[1]), base, **term.options, **_running(term, step.past))
    whole = got.loss.sum() / totals.pairs
    share = whole - whole.detach() * (1 - len(now.chosen) / n)
    own = slice(step.start, end)
    return term.weight * share, got._replace(chosen_reward=got.chosen_reward[own], rejected_reward=got.rejected_reward[own])


def _running(term: Term, past: Mapping[str, float]) -> dict[str, Any]:
    """What a loss with a running mean takes up. Logs of older versions lack the number of observations: one a step."""
    if not term.traits.running or DELTA not in past:
        return {}
    return {"_seen": int(past.get(SEEN, past["step"])), "_mean": past[DELTA]}
