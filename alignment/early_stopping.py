"""When a training ends before its time: an early stop that was asked for, or a policy that collapsed.

A rule is a function of the log alone, so that a resumed training stops where an uninterrupted one does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean, nearest

# all that a training logs; a loss of another package may log more
LOGGED = (
    *("loss", "grad_norm", "learning_rate", "step", "epoch", "skipped", "num_tokens", "time/step_s", "time/tokens_per_s"),
    *(f"rewards/{name}" for name in ("chosen", "rejected", "margins", "accuracies", "chosen_elsewhere", "image_accuracies")),
    *(f"logps/{name}" for name in ("chosen", "rejected", "answers", "chosen_elsewhere")),
    *(f"objective/{name}" for name in ("scores", "kl", "non_score_reward", "rlhf_reward")),
    *(f"online/{name}" for name in ("used", "stored", "ties", "unjudged", "tries", "free")),
    *(f"rl/{name}" for name in ("unfinished", "distinct", "length", "unrated", "skipped_groups", "reward_range")),
    *("kl", "loss/value", "policy/approxkl", "policy/clipfrac", "clip_ratio/region_mean", "cispo_clip_ratio"),
    *("frac_reward_zero_std", "bco/delta", "bco/observations", "sampling/sampling_logp_difference/mean"),
)
_MISSPELT = 0.85  # so alike are a name of the log and a mistake in it


Log = Sequence[Mapping[str, float]]
Rule = Callable[[Log], str]  # the log so far -> why to stop, "" to go on


@dataclass(frozen=True, slots=True)
class EarlyStop:
    """Stop when the mean of `metric` over the last `steps` steps is above or below a bound.

    Raises ConfigError once so many steps were logged and none has the metric: the rule would never apply.
    """

    metric: str
    above: float | None = None
    below: float | None = None
    steps: int = 10

    def __call__(self, log: Log) -> str:
        values = [row[self.metric] for row in log[-self.steps :] if self.metric in row]
        if len(values) < self.steps:
            self._require_known(log)
            return ""
        mean = fmean(values)
        if self.above is not None and mean > self.above:
            return f"early stop: {self.metric} was {mean:.4g} over {self.steps} steps, above {self.above:g}"
        if self.below is not None and mean < self.below:
            return f"early stop: {self.metric} was {mean:.4g} over {self.steps} steps, below {self.below:g}"
        return ""

    def _require_known(self, log: Log) -> None:
        if any(self.metric in row for row in log):
            return
        if sum("loss" in row for row in log) >= self.steps:
            known = {name for row in log for name in row}
            raise ConfigError(
                f"early_stop: no step logs {self.metric}.{did_you_mean(self.metric, sorted(known))} "
                f"The log has {', '.join(sorted(known))}."
            )


def make_early_stop(options: Mapping[str, float | str | int]) -> EarlyStop:
    """From {metric, above | below, steps}. Raises ConfigError for anything else."""
    unknown = [key for key in options if key not in EarlyStop.__dataclass_fields__]
    bounds = [options[name] for name in ("above", "below") if options.get(name) is not None]
    if unknown or not isinstance(options.get("metric"), str) or len(bounds) != 1:
        raise ConfigError(
            "early_stop takes metric (a name of the log, e.g. rewards/accuracies), above or below (one of them) and steps; "
            f"got {dict(options)}."
        )
    made = EarlyStop(**registry.check_options("aligner", "early_stop", EarlyStop, options))
    if made.metric not in LOGGED and (near := nearest(made.metric, LOGGED, cutoff=_MISSPELT)):
        raise ConfigError(f"early_stop.metric: no training logs {made.metric!r}. Did you mean {near[0]!r}?")
    if made.steps < 1:
        raise ConfigError(f"early_stop.steps is {made.steps}; the rule looks at the last steps, at least 1.")
    return made


@dataclass(frozen=True, slots=True)
class Collapse:
    """A policy under reinforcement that has left what its reward model knows: the study saw PPO and RLOO end so.

    max_kl: mean KL to the reference, nats an answer. max_unfinished: share of answers that never end.
    min_distinct: share of a step's answers that differ, as a part of that share in the first step: answers to yes/no questions
        are few from the start, and have not collapsed.
    """

    max_kl: float = 100.0
    max_unfinished: float = 0.9
    min_distinct: float = 0.1
    steps: int = 3

    def __call__(self, log: Log) -> str:
        last = log[-self.steps :]
        if len(last) < self.steps:
            return ""
        kl, unfinished, distinct = (
            fmean(row.get(name, usual) for row in last)
            for name, usual in (("objective/kl", 0.0), ("rl/unfinished", 0.0), ("rl/distinct", 1.0))
        )
        at_first = log[0].get("rl/distinct", 1.0)  # of the policy as it was loaded
        if kl > self.max_kl:
            return f"collapse: the policy is {kl:.1f} nats an answer away from the reference (limit {self.max_kl:g})"
        if unfinished > self.max_unfinished:
            return f"collapse: {unfinished:.0%} of the answers run into the token limit"
        if distinct < self.min_distinct * at_first:
            return f"collapse: only {distinct:.1%} of a step's answers differ from each other, {at_first:.1%} in the first step"
        return ""


def make_collapse(aligner: str, options: Mapping[str, float | int]) -> Collapse:
    """From an aligner's option `collapse`. Raises ConfigError for limits that would always or never apply."""
    made = Collapse(**registry.check_options("aligner", f"{aligner}.collapse", Collapse, options))
    shares = made.max_unfinished, made.min_distinct
    if made.steps < 1 or not made.max_kl > 0 or not all(0 <= share <= 1 for share in shares):
        raise ConfigError(
            f"{aligner}.collapse needs steps of at least 1, max_kl above 0, max_unfinished and min_distinct from 0 to 1; got "
            f"{made.steps}, {made.max_kl}, {made.max_unfinished} and {made.min_distinct}."
        )
    return made
