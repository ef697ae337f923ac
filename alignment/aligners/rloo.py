"""RLOO: REINFORCE with the mean reward of a prompt's other answers as its baseline, and a KL penalty.

Ahmadian et al. 2024, arXiv:2402.14740; used by arXiv:2407.02477, sections 2.1 and 5.5. Each step draws k answers a prompt from
the policy as it is. The reward of an answer is r - beta * (log pi - log pi_ref), both summed over its tokens; its advantage
is that less the mean of the others; the loss has the gradient of -advantage * log pi, averaged over the answers of the step
(its value is the mean advantage, 0). Log-probabilities are those of the distribution that was drawn from: logits divided by the
sampling temperature, as in TRL's RLOOTrainer.

The training stops when the policy is far from the reference, never ends its answers or gives the same answer to all, see
`alignment.early_stopping.Collapse`: the study's runs with a reward model of the wrong data ended so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from alignment.aligners._base import Aligner, seed_of_draws
from alignment.batching.collate import Batch, Row, score
from alignment.batching.policy import Policy
from alignment.batching.rows import Rows
from alignment.early_stopping import make_collapse
from alignment.losses._group.rloo import leave_one_out, penalised, rloo_loss
from alignment.online.ranked_pairs import make_own_sampling, require_own_distribution
from alignment.online.reward_model import Reward, normalized
from alignment.online.rollouts import Sampler, check_penalty
from alignment.settings import check_beta, make_settings
from alignment.training.diagnosis import EQUAL_REWARDS
from alignment.training.objectives import Known, Part, Totals
from alignment.training.sample_supply import Sample, Score, Supply, of_all_processes
from harness.core import registry
from harness.core.errors import ConfigError


@registry.aligner
class Rloo(Aligner):
    """Reinforcement without a value model. Of the pairs it takes the prompts."""

    name = "rloo"
    needs_reward = True

    def __init__(
        self,
        reward: Reward,  # a reward model of the study by name, or the judge's rating
        k: int = 4,  # answers a prompt
        beta: float = 0.05,  # weight of the KL penalty
        unfinished_penalty: float = 1.0,  # taken off the reward of an answer that never ends
        normalize_rewards: bool = False,  # by mean and standard deviation over the stored answers of all pairs
        sampling: Mapping[str, Any] | None = None,  # {temperature, max_new_tokens}
        collapse: Mapping[str, Any] | None = None,  # {max_kl, max_unfinished, min_distinct, steps}
        training: Mapping[str, Any] | None = None,  # of the loop: {learning_rate, epochs, batch_size (prompts), lora, ...}
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        if k < 2:
            raise ConfigError(f"rloo.k is {k}; the baseline is the mean of the other answers, so it needs at least 2.")
        self._reward, self._k, self._penalty, self._seed = reward, k, check_penalty(unfinished_penalty), seed
        self.rules = (make_collapse("rloo", collapse or {}),)
        self._normalize = normalize_rewards
        self._sampling, self.settings = make_own_sampling("rloo", sampling or {}), make_settings(training, seed=seed)
        self.objective = LeaveOneOut(check_beta(beta), self._sampling.temperature)

    def facts(self) -> dict[str, Any]:
        options = {"k": self._k, "unfinished_penalty": self._penalty, "sampling": repr(self._sampling)}
        options |= {"normalize_rewards": self._normalize}
        options |= seed_of_draws(self._seed, self.settings)
        return {**options, "collapse": repr(self.rules[0]), **self._reward.facts()}

    def judge_requests(self, n_prompts: int, n_stored: int) -> int:
        return n_prompts * self._k + (n_stored if self._normalize else 0)

    def supply(self, policy: Policy, rows: Rows, image_root: Path, reference: Score) -> Supply:
        answering = require_own_distribution(policy, "rloo")
        reward = normalized(self._reward, rows.pairs, image_root) if self._normalize else self._reward
        sampler = Sampler(answering, rows, image_root, reward, self._sampling, self._k, self._penalty, self._seed)
        return _Rollouts(sampler, reference, self._sampling.temperature)


@dataclass(frozen=True, slots=True)
class _Rollouts:
    """Rollouts with the reference's log-probabilities of each answer."""

    sampler: Sampler
    reference: Score
    temperature: float
    repeats: int = 1

    def __len__(self) -> int:
        return len(self.sampler.rows)

    def take(self, step: int, indices: Sequence[int]) -> tuple[list[Sample], dict[str, float]]:
        rollouts, figures = self.sampler.draw(step, indices)
        known = self.reference([r.row for r in rollouts], temperature=self.temperature)
        samples = [
            Sample(r.row.id, r.row, {"rewards": r.rewards, "reference": logps})
            for r, logps in zip(rollouts, known, strict=True)
        ]
        of_step = of_all_processes(bool(r.rewards.max() == r.rewards.min()) for r in rollouts)
        return samples, figures | {EQUAL_REWARDS: sum(of_step) / max(1, len(of_step))}


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """The objective: every row holds k answers to one prompt, which were drawn at `temperature`."""

    beta: float
    temperature: float = 1.0
    needs_reference: bool = True

    def facts(self) -> dict[str, Any]:
        return {"loss": "rloo", "beta": self.beta, "temperature of log-probabilities": self.temperature}

    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]:
        return {}

    def row(self, row: Row) -> Row:
        return row

    def totals(self, rows: Sequence[Row]) -> Totals:
        return Totals(0, 0, answers=sum(len(r.answers) for r in rows))

    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part:
        answers = score(policy, batch, self.temperature)
        rewards = known["rewards"].to(answers)
        kl = answers.detach() - known["reference"].to(answers)
        whole = penalised(rewards[:, None], kl, self.beta)
        advantage = leave_one_out(whole, batch.answers_of_row)
        loss = rloo_loss(answers, answers.detach(), advantage).sum() / totals.answers
        return Part(
            loss,
            {
                "objective/scores": rewards,
                "objective/kl": kl,
                "objective/non_score_reward": -self.beta * kl,
                "objective/rlhf_reward": whole,
                "logps/answers": answers.detach(),
            },
        )
