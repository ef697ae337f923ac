"""Answers of the policy as it is, with their rewards: what reinforcement learns from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from alignment.batching.collate import Row
from alignment.batching.policy import AnsweringPolicy
from alignment.batching.rows import Rows
from alignment.data.pairs import image_of
from alignment.online.ranked_pairs import Sampling, answers_of, own_row
from alignment.online.reward_model import Reward
from alignment.online.unjudged import Unjudged
from alignment.training.sample_supply import Sample, of_all_processes
from harness.core.errors import ConfigError, TrainingError
from harness.core.evaluation import Answer, Request
from harness.core.final_answer import without_reasoning
from harness.core.preference import PreferencePair


class Rollout(NamedTuple):
    """One prompt of a step: a row of `k` answers and their rewards, (k,); nan where an answer could not be rated.

    logps: of all their tokens, as the engine that drew them computed them; None where it does not report them.
    """

    row: Row
    rewards: Tensor
    logps: Tensor | None = None


class _Drawn(NamedTuple):
    """What came of a prompt: its answers' texts, how many have no end, the number of their tokens, how many are rated, whether
    these are enough to learn from, and the first reward that is not a finite number."""

    texts: list[str]
    unfinished: int
    tokens: int
    rated: int
    is_used: bool
    fault: str


def check_penalty(unfinished_penalty: float) -> float:
    """Raises ConfigError for a number below 0, which would reward answers that never end."""
    if unfinished_penalty < 0:
        raise ConfigError(f"unfinished_penalty is {unfinished_penalty}; it is taken off a reward and cannot be negative.")
    return unfinished_penalty


@dataclass(frozen=True, slots=True)
class Sampler:
    """Draws `k` answers a prompt and has them rated. An answer without an end loses `unfinished_penalty`."""

    policy: AnsweringPolicy
    rows: Rows
    image_root: Path
    reward: Reward
    sampling: Sampling
    k: int
    unfinished_penalty: float
    seed: int
    some_unrated: bool = False  # whether a prompt stays of which the reward could rate some answers only
    silence: Unjudged = field(default_factory=Unjudged)

    def draw(self, step: int, indices: Sequence[int]) -> tuple[list[Rollout], dict[str, float]]:
        """Rollouts of a step and figures for its log. A prompt whose answers the reward cannot rate is left out."""
        pairs = [self.rows.pairs[i] for i in indices]
        requests = [
            Request(image_of(p, self.image_root), p.prompt, self.sampling.decoding(self.seed, "rollout", step, p.id, n))
            for p in pairs
            for n in range(self.k)
        ]
        answers = answers_of(self.policy, requests)
        own = [answers[i * self.k : (i + 1) * self.k] for i in range(len(pairs))]
        rewards = [
            self.reward(pair, [without_reasoning(answer.text) for answer in theirs], self.image_root)
            for pair, theirs in zip(pairs, own, strict=True)
        ]
        made = [self._rollout(*one) for one in zip(pairs, own, rewards, strict=True)]
        found = [rollout for rollout in made if rollout is not None]
        drawn = of_all_processes(_drawn(*one) for one in zip(pairs, own, rewards, made, strict=True))
        _require_finite(drawn, step)
        rated = sum(one.rated for one in drawn)
        unrated = sum(len(one.texts) for one in drawn) - rated
        self.silence.add(rated, unrated, "The reward rated none of the last {n} answers", step)
        return found, _figures(drawn)

    def _rollout(self, pair: PreferencePair, answers: Sequence[Answer], rewards: Sequence[float | None]) -> Rollout | None:
        rated = [r is not None for r in rewards]
        if not (any(rated) if self.some_unrated else all(rated)):
            return None
        lost = [self.unfinished_penalty * (answer.stopped == "length") for answer in answers]
        known = [math.nan if r is None else float(r) for r in rewards]
        values = torch.tensor([r - loss for r, loss in zip(known, lost, strict=True)])
        drawn = [answer.token_logps for answer in answers]
        logps = None if any(one is None for one in drawn) else torch.tensor([p for one in drawn for p in one or ()])
        return Rollout(own_row(self.policy, pair, self.image_root, answers), values, logps)


Learned = tuple[list[Sample], dict[str, float]]  # a step's samples, and figures for its log


@dataclass(slots=True)
class RepeatedRollouts(ABC):
    """A training's supply of rollouts that `repeats` steps in a row learn from (`sample_supply.Supply`)."""

    sampler: Sampler
    repeats: int
    _kept: Learned = field(default_factory=lambda: ([], {}), init=False)

    def __len__(self) -> int:
        return len(self.sampler.rows)

    def take(self, step: int, indices: Sequence[int]) -> Learned:
        if step % self.repeats == 0:
            self._kept = self.learned(*self.sampler.draw(step, indices))
        return self._kept

    @abstractmethod
    def learned(self, rollouts: list[Rollout], figures: dict[str, float]) -> Learned:
        """What the steps learn from, and their figures."""


def _drawn(pair: PreferencePair, answers: Sequence[Answer], rewards: Sequence[float | None], rollout: Rollout | None) -> _Drawn:
    unfinished, tokens = sum(a.stopped == "length" for a in answers), sum(a.n_tokens for a in answers)
    rated = sum(r is not None for r in rewards)
    bad = [f"{r} for an answer to {pair.id!r}" for r in rewards if r is not None and not math.isfinite(r)]
    return _Drawn([a.text for a in answers], unfinished, tokens, rated, rollout is not None, *bad[:1] or [""])


def _require_finite(drawn: Sequence[_Drawn], step: int) -> None:
    """Raises TrainingError, in every process, for a reward from which nothing could be learned, or nothing else."""
    if faults := [one.fault for one in drawn if one.fault]:
        raise TrainingError(
            f"The reward is {faults[0]} (step {step + 1}). A reward must be a finite number, or None for an answer that cannot "
            "be rated. The last saved state is kept; correct the reward and run the same command again."
        )


def _figures(drawn: Sequence[_Drawn]) -> dict[str, float]:
    """Of all prompts of a step: shares of their answers, the mean length of one, and the prompts that are not rated."""
    texts = [text for one in drawn for text in one.texts]
    n = max(1, len(texts))
    return {
        "rl/unfinished": sum(one.unfinished for one in drawn) / n,
        "rl/distinct": len(set(texts)) / n,
        "rl/length": sum(one.tokens for one in drawn) / n,
        "rl/unrated": float(sum(not one.is_used for one in drawn)),
    }
