"""PPO with a KL penalty at study size: one answer a prompt, a value head on the policy's own body.

Schulman et al. 2017, arXiv:1707.06347, as arXiv:2407.02477 uses it (sections 2.1 and 5.5). Log-probabilities are those at the
sampling temperature, as in `rloo`. Each token costs
beta * (log pi_old - log pi_ref), the last one earns the reward; advantages by GAE (gamma 1), whitened over the step;
`epochs_a_batch` optimizer steps learn from the same answers, with clipped ratios and clipped values. Collapse is detected as in
`rloo`. Whitening makes advantages of one spread out of rewards that are all the same, too: a note says so.

The value head and the policy share their body, as is usual at this size; `value_weight` scales the value loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alignment.aligners._base import Aligner, seed_of_draws
from alignment.batching.collate import Batch, Row, collate, predictors, score_tokens, states
from alignment.batching.policy import Policy
from alignment.batching.rows import Rows
from alignment.early_stopping import make_collapse
from alignment.online.ranked_pairs import make_own_sampling, require_own_distribution
from alignment.online.reward_model import Reward, new_head
from alignment.online.rollouts import Learned, RepeatedRollouts, Rollout, Sampler, check_penalty
from alignment.settings import check_beta, make_settings
from alignment.training.diagnosis import REWARD_RANGE
from alignment.training.objectives import Known, Part, Totals
from alignment.training.sample_supply import Sample, Score, Supply, of_all_processes
from alignment.weights.trainable import evaluating
from harness.core import registry
from harness.core.errors import ConfigError


@registry.aligner
class Ppo(Aligner):
    """Reinforcement with a value model. Of the pairs it takes the prompts."""

    name = "ppo"
    needs_reward = True
    objective: PpoObjective

    def __init__(
        self,
        reward: Reward,
        beta: float = 0.05,  # weight of the KL penalty
        clip_range: float = 0.2,  # of the probability ratio
        value_weight: float = 0.1,  # weight of the value loss
        gae_lambda: float = 0.95,  # of generalised advantage estimation
        epochs_a_batch: int = 2,  # passes over each batch of answers
        unfinished_penalty: float = 1.0,  # taken off the reward of an answer that never ends
        sampling: Mapping[str, Any] | None = None,  # {temperature, max_new_tokens}
        collapse: Mapping[str, Any] | None = None,  # {max_kl, max_unfinished, min_distinct, steps}
        training: Mapping[str, Any] | None = None,  # learning_rate, epochs, batch_size, lora, ... as of `sft`
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        if not 0 < clip_range < 1 or not 0 <= gae_lambda <= 1 or epochs_a_batch < 1 or value_weight < 0:
            wanted = "clip_range in (0, 1), gae_lambda in [0, 1], value_weight of at least 0 and epochs_a_batch of at least 1"
            raise ConfigError(f"ppo needs {wanted}.")
        self._reward, self._penalty, self._seed, self.repeats = reward, check_penalty(unfinished_penalty), seed, epochs_a_batch
        self.rules = (make_collapse("ppo", collapse or {}),)
        self._sampling, self.settings = make_own_sampling("ppo", sampling or {}), make_settings(training, seed=seed)
        self.objective = PpoObjective(check_beta(beta), clip_range, value_weight, gae_lambda, self._sampling.temperature)

    def facts(self) -> dict[str, Any]:
        options = {"unfinished_penalty": self._penalty, "sampling": repr(self._sampling), "epochs_a_batch": self.repeats}
        options |= seed_of_draws(self._seed, self.settings)
        return {**options, "collapse": repr(self.rules[0]), **self._reward.facts()}

    def judge_requests(self, n_prompts: int, n_stored: int) -> int:
        return n_prompts

    def supply(self, policy: Policy, rows: Rows, image_root: Path, reference: Score) -> Supply:
        answering = require_own_distribution(policy, "ppo")
        sampler = Sampler(answering, rows, image_root, self._reward, self._sampling, 1, self._penalty, self._seed)
        return _Rollouts(sampler, self.repeats, reference, self.objective)


@dataclass(slots=True)
class PpoObjective:
    """The objective: clipped surrogate and clipped value loss, token by token."""

    beta: float
    clip_range: float
    value_weight: float
    gae_lambda: float
    temperature: float = 1.0  # that the answers were drawn at
    head: nn.Linear | None = None
    needs_reference: bool = True

    def facts(self) -> dict[str, Any]:
        options = {"beta": self.beta, "clip_range": self.clip_range, "value_weight": self.value_weight}
        return {"loss": "ppo", **options, "gae_lambda": self.gae_lambda, "temperature of log-probabilities": self.temperature}

    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]:
        self.head = new_head(policy, seed)
        return {"value_head": self.head}

    def row(self, row: Row) -> Row:
        return row

    def totals(self, rows: Sequence[Row]) -> Totals:
        return Totals(0, 0, tokens=sum(r.scored for r in rows))

    def forward(self, policy: Policy, batch: Batch) -> tuple[Tensor, Tensor]:
        """Log-probability of each scored token and the value just before it, each (N,)."""
        assert self.head is not None  # made by the loop, see `heads`
        hidden = states(policy, batch)
        logps = score_tokens(policy, hidden, batch, self.temperature)
        return logps, self.head(predictors(hidden, batch).to(self.head.weight.dtype)).squeeze(-1).float()

    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part:
        now, values = self.forward(policy, batch)
        old, advantages, returns, before = (known[n].to(now) for n in ("old", "advantages", "returns", "values"))
        ratio = torch.exp(now - old)
        clipped = ratio.clamp(1 - self.clip_range, 1 + self.clip_range)
        surrogate = torch.maximum(-advantages * ratio, -advantages * clipped)
        near = before + (values - before).clamp(-self.clip_range, self.clip_range)
        value_loss = 0.5 * torch.maximum((values - returns) ** 2, (near - returns) ** 2)
        loss = (surrogate + self.value_weight * value_loss).sum() / totals.tokens
        return Part(
            loss,
            {
                "policy/approxkl": (0.5 * (now - old) ** 2).detach(),
                "policy/clipfrac": (ratio != clipped).float(),
                "loss/value": value_loss.detach(),
                "objective/scores": known["scores"],
                "objective/kl": known["kl"],
            },
        )


@dataclass(slots=True)
class _Rollouts(RepeatedRollouts):
    """Rollouts with token-wise advantages."""

    reference: Score
    objective: PpoObjective

    def learned(self, rollouts: list[Rollout], figures: dict[str, float]) -> Learned:
        with evaluating(self.sampler.policy.module):  # without an adapter's dropout
            references = self.reference([r.row for r in rollouts], True, self.objective.temperature)
            samples = [self._sample(r, theirs) for r, theirs in zip(rollouts, references, strict=True)]
        rewards = of_all_processes(float(r.rewards[0]) for r in rollouts)
        return _whitened(samples), figures | ({REWARD_RANGE: max(rewards) - min(rewards)} if len(rewards) > 1 else {})

    @torch.no_grad()
    def _sample(self, rollout: Rollout, reference: Tensor) -> Sample:
        policy = self.sampler.policy
        old, values = (t.cpu() for t in self.objective.forward(policy, collate([rollout.row], policy.pad_token_id)))
        cost = old - reference
        rewards = -self.objective.beta * cost
        rewards[-1] += rollout.rewards[0]
        advantages = gae(rewards, values, self.objective.gae_lambda)
        known = {"old": old, "values": values, "advantages": advantages, "returns": advantages + values}
        return Sample(rollout.row.id, rollout.row, {**known, "scores": rollout.rewards, "kl": cost.sum()[None]})


def gae(rewards: Tensor, values: Tensor, lam: float) -> Tensor:
    """Generalised advantages (T,) with gamma 1: rewards and values (T,) of one answer, the value after its end is 0."""
    advantages = torch.zeros_like(rewards)
    following, value_after = 0.0, 0.0
    for t in range(len(rewards) - 1, -1, -1):
        following = float(rewards[t]) + value_after - float(values[t]) + lam * following
        advantages[t], value_after = following, float(values[t])
    return advantages


def _whitened(samples: Sequence[Sample]) -> list[Sample]:
    """Advantages of the step (of all processes) with mean 0 and variance 1."""
    all_of_step = torch.tensor([v for one in of_all_processes(s.known["advantages"].tolist() for s in samples) for v in one])
    if not len(all_of_step):  # no answer of the step was rated
        return []
    mean, spread = all_of_step.mean(), all_of_step.std(correction=0) + 1e-8
    return [s._replace(known={**s.known, "advantages": (s.known["advantages"] - mean) / spread}) for s in samples]
