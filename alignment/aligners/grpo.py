"""GRPO and its family: groups of answers to one prompt, each measured against its group; grpo, dr_grpo, dapo, GSPO and others.

Names, defaults and formulas as TRL 1.16's GRPOTrainer (`alignment/losses/_group` has the papers). GSPO is
`loss_type: grpo, importance_sampling_level: sequence, epsilon: 0.0003, epsilon_high: 0.0004`. The reward is a judge's rating
(`annotations`: verifiable, from the annotations of training images) or a reward model.

A group whose answers all have the same reward teaches nothing: it is skipped before the gradient pass, counted
(`frac_reward_zero_std`, as in TRL) and not in the step's means (TRL keeps it there with advantage 0). The logged reward
(`objective/scores`) is the mean over all rated answers of the step, those of skipped groups too. The answers are drawn by
the image-first engine, one image and one prompt a group, which reports their log-probabilities: the mean difference to the
trainer's is logged (`sampling/sampling_logp_difference/mean`); `importance_sampling_correction` weighs the tokens' policy term
by its exp, as TRL's mode `token_truncate` does (there it is on with vLLM, and `sequence_mask` the default). With `beta: 0`
there is no reference, so no divergence to detect a collapse by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from alignment.aligners._base import Aligner, seed_of_draws
from alignment.batching.collate import Batch, Row, answer_tokens, score_rows, score_tokens, states
from alignment.batching.policy import Policy
from alignment.batching.rows import Rows
from alignment.early_stopping import make_collapse
from alignment.losses._group.advantages import SCALES, advantages, undecided
from alignment.losses._group.grpo import LEVELS, LOSSES, UNCAPPED, Surrogate, share, token_loss
from alignment.online.ranked_pairs import make_own_sampling, require_own_distribution
from alignment.online.reward_model import Reward
from alignment.online.rollouts import Learned, RepeatedRollouts, Rollout, Sampler, check_penalty
from alignment.settings import make_settings
from alignment.training.diagnosis import EQUAL_REWARDS, MISMATCH
from alignment.training.objectives import Known, Part, Totals
from alignment.training.sample_supply import Sample, Score, Supply, of_all_processes
from alignment.unused_options import refuse_unused
from alignment.weights.trainable import evaluating
from alignment.weights.workers import workers
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean


@registry.aligner
class Grpo(Aligner):
    """Reinforcement within groups. Of the pairs it takes the prompts."""

    name = "grpo"
    needs_reward = True
    objective: Group

    def __init__(
        self,
        reward: Reward,  # a reward model of the study by name, or the judge's rating
        num_generations: int = 8,  # answers a prompt
        loss_type: str = "dapo",  # grpo, dr_grpo, dapo, bnpo, cispo, sapo, luspo or vespo
        beta: float = 0.0,  # weight of the KL penalty; 0: no reference pass
        epsilon: float = 0.2,  # lower clip of the ratio
        epsilon_high: float | None = None,  # upper clip; as epsilon where absent; of cispo the largest weight, 5.0 is usual
        delta: float | None = None,  # cap of the ratio that is not clipped
        importance_sampling_level: str = "token",  # or sequence (GSPO)
        scale_rewards: str = "group",  # group, batch or none (Dr. GRPO wants none)
        use_bias_correction_kl: bool = True,  # weigh the KL penalty by the ratio
        num_iterations: int = 1,  # optimizer steps from the same answers
        importance_sampling_correction: bool = False,  # weigh tokens by trainer's over sampler's probability
        importance_sampling_cap: float = 3.0,  # largest such weight
        unfinished_penalty: float = 0.0,  # taken off the reward of an answer that never ends
        sampling: Mapping[str, Any] | None = None,  # {temperature (1), max_new_tokens}
        collapse: Mapping[str, Any] | None = None,  # {max_kl, max_unfinished, min_distinct, steps}
        training: Mapping[str, Any] | None = None,  # of the loop: {learning_rate, epochs, batch_size (prompts), lora, ...}
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        _choose("loss_type", loss_type, LOSSES)
        _choose("importance_sampling_level", importance_sampling_level, LEVELS)
        _choose("scale_rewards", scale_rewards, SCALES)
        _check_numbers(num_generations, num_iterations, beta, (epsilon, epsilon_high, delta), importance_sampling_cap)
        _check_unused(locals())
        if loss_type == "cispo" and (epsilon_high is None or epsilon_high < 1):
            raise ConfigError(
                "grpo with loss_type cispo needs epsilon_high, the largest weight of a token, of at least 1 (5.0 is usual): "
                "below 1 every token has that weight, and nothing is weighted by its importance."
            )
        self._sampling = make_own_sampling("grpo", {"temperature": 1.0, **(sampling or {})})
        self.rules = (make_collapse("grpo", collapse or {}),)
        self._reward, self._k, self._penalty, self._seed = reward, num_generations, check_penalty(unfinished_penalty), seed
        self._scale, self.repeats, self.settings = scale_rewards, num_iterations, make_settings(training, seed=seed)
        made = Surrogate(
            loss_type, epsilon, epsilon_high, delta, importance_sampling_level, beta, use_bias_correction_kl,
            self._sampling.max_new_tokens,
        )  # fmt: skip
        cap = importance_sampling_cap if importance_sampling_correction else None
        self.objective = Group(made, self._sampling.temperature, cap)

    def facts(self) -> dict[str, Any]:
        options = {"num_generations": self._k, "unfinished_penalty": self._penalty, "sampling": repr(self._sampling)}
        options |= {"scale_rewards": self._scale, "num_iterations": self.repeats}
        options |= seed_of_draws(self._seed, self.settings)
        return {**options, "collapse": repr(self.rules[0]), **self._reward.facts()}

    def judge_requests(self, n_prompts: int, n_stored: int) -> int:
        return n_prompts * self._k

    def supply(self, policy: Policy, rows: Rows, image_root: Path, reference: Score) -> Supply:
        answering = require_own_distribution(policy, "grpo")
        sampler = Sampler(
            answering, rows, image_root, self._reward, self._sampling, self._k, self._penalty, self._seed, some_unrated=True
        )
        return _Groups(sampler, self.repeats, reference, self.objective, self._k, self._scale, self.settings.micro_batch)


def _choose(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"grpo.{option} is {value!r}.{did_you_mean(value, known)} Choose one of: {', '.join(known)}.")


def _check_numbers(
    generations: int, iterations: int, beta: float, clips: tuple[float, float | None, float | None], cap: float
) -> None:
    if generations < 2:
        raise ConfigError(f"grpo.num_generations is {generations}; an answer is measured against the others of its group.")
    if iterations < 1 or beta < 0 or not cap > 0:
        raise ConfigError("grpo needs num_iterations of at least 1, beta of at least 0 and importance_sampling_cap above 0.")
    low, high, delta = clips
    if not 0 < low < 1 or (high is not None and high <= 0) or (delta is not None and delta <= 1 + low):
        raise ConfigError("grpo needs epsilon in (0, 1), epsilon_high above 0 and delta above 1 + epsilon.")


def _check_unused(o: Mapping[str, Any]) -> None:
    refuse_unused(
        "aligner",
        "grpo",
        o,
        (not o["importance_sampling_correction"], "without importance_sampling_correction", ("importance_sampling_cap",)),
        (o["beta"] == 0, "with beta 0", ("use_bias_correction_kl",)),
        (o["loss_type"] in UNCAPPED, f"with loss_type {o['loss_type']}", ("delta",)),
        (o["loss_type"] == "vespo", "with loss_type vespo", ("importance_sampling_level",)),
        (o["loss_type"] in ("sapo", "vespo"), f"with loss_type {o['loss_type']}", ("epsilon", "epsilon_high")),
        (o["loss_type"] == "cispo", "with loss_type cispo, whose one clip is epsilon_high", ("epsilon",)),
    )


@dataclass(frozen=True, slots=True)
class Group:
    """The objective: every row holds the answers of a group, drawn at `temperature`; `known` has their advantages.

    cap: of the ratios that correct for a sampler whose probabilities differ, see `token_loss`; None does not correct.
    """

    made: Surrogate
    temperature: float = 1.0
    cap: float | None = None
    needs_reference: bool = True

    @property
    def corrects_sampling(self) -> bool:
        return self.cap is not None

    def facts(self) -> dict[str, Any]:
        made = {name: getattr(self.made, name) for name in self.made.__dataclass_fields__}
        return {
            **made,
            "loss": "grpo",
            "temperature of log-probabilities": self.temperature,
            "importance_sampling_cap": self.cap,
        }

    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]:
        return {}

    def row(self, row: Row) -> Row:
        return row

    def totals(self, rows: Sequence[Row]) -> Totals:
        return Totals(0, 0, answers=sum(len(r.answers) for r in rows), tokens=sum(r.scored for r in rows))

    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part:
        now = score_tokens(policy, states(policy, batch), batch, self.temperature)
        answer, advantage = batch.answer.to(now.device), known["advantages"].to(now)
        old = known["old"].to(now) if "old" in known else now.detach()
        sampled = _of(known, "sampled", now)
        correction = None if self.cap is None or sampled is None else (old - sampled).exp().clamp(max=self.cap)
        found = token_loss(self.made, now, old, _of(known, "reference", now), advantage, answer, correction)
        weight = share(self.made, answer_tokens(batch), totals.answers, totals.tokens).to(now)[answer]
        name = "cispo_clip_ratio" if self.made.loss_type == "cispo" else "clip_ratio/region_mean"
        values = {} if found.clipped is None else {name: found.clipped.float()}
        if sampled is not None:
            values[MISMATCH] = (old.detach() - sampled).abs()
        if found.kl is not None:
            values["kl"] = found.kl
            gap = now.detach() - known["reference"].to(now)
            values["objective/kl"] = gap.new_zeros(len(advantage)).index_add(0, answer, gap)
        return Part((found.loss * weight).sum(), values)


def _of(known: Known, name: str, like: Tensor) -> Tensor | None:
    return known[name].to(like) if name in known else None


@dataclass(slots=True)
class _Groups(RepeatedRollouts):
    """Rollouts with the advantage of each answer."""

    reference: Score
    objective: Group
    k: int
    scale: str
    rows_at_once: int

    def learned(self, rollouts: list[Rollout], figures: dict[str, float]) -> Learned:
        gains = self._advantages(rollouts)
        is_equal = [bool(undecided(r.rewards[:, None], self.k).any()) for r in rollouts]
        decided = [(r, gain) for r, gain, equal in zip(rollouts, gains, is_equal, strict=True) if not equal]
        every = of_all_processes(is_equal)
        of_step = {EQUAL_REWARDS: sum(every) / max(1, len(every)), "rl/skipped_groups": float(sum(every))}
        scores = [s for s in of_all_processes(float(s) for r in rollouts for s in r.rewards) if not math.isnan(s)]
        return self._samples(decided), figures | of_step | ({"objective/scores": fmean(scores)} if scores else {})

    def _advantages(self, rollouts: Sequence[Rollout]) -> list[Tensor]:
        """Of each rollout's answers, by the rewards of the whole step (of all processes)."""
        every = workers().gather([r.rewards for r in rollouts])
        rewards = [reward for part in every for reward in part]
        if not rewards:
            return []
        found = advantages(torch.cat(rewards)[:, None], self.k, scale_rewards=self.scale)
        first = sum(len(part) for part in every[: workers().rank])
        return list(torch.split(found, self.k)[first : first + len(rollouts)])

    def _samples(self, learned: Sequence[tuple[Rollout, Tensor]]) -> list[Sample]:
        rows = [rollout.row for rollout, _ in learned]
        known = [{"advantages": gain} for _, gain in learned]
        if all(rollout.logps is not None for rollout, _ in learned):
            known = [k | {"sampled": r.logps} for k, (r, _) in zip(known, learned, strict=True) if r.logps is not None]
        temperature = self.objective.temperature
        if self.objective.made.beta:
            known = [k | {"reference": r} for k, r in zip(known, self.reference(rows, True, temperature), strict=True)]
        if self.repeats > 1:
            known = [k | {"old": o} for k, o in zip(known, self._old(rows), strict=True)]
        return [Sample(row.id, row, k) for row, k in zip(rows, known, strict=True)]

    @torch.no_grad()
    def _old(self, rows: Sequence[Row]) -> list[Tensor]:
        """Log-probabilities of the answers' tokens under the policy that drew them, without an adapter's dropout."""
        policy, found = self.sampler.policy, list[Tensor]()
        with evaluating(policy.module):
            for start in range(0, len(rows), self.rows_at_once):
                found += score_rows(policy, rows[start : start + self.rows_at_once], True, self.objective.temperature)
        return found
