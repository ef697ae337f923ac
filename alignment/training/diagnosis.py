"""Notes for the report that are derived from a training log, as sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from alignment.training.objectives import CorrectsSampling, Objective, Rewards, rewards_of

ENOUGH = 8  # rows; a trend over fewer is chance
FAR = 25.0  # nats an answer
UNCHANGED = 0.1  # nats an answer
UNKNOWN = Rewards()
MISMATCH = "sampling/sampling_logp_difference/mean"  # TRL's name
EQUAL_REWARDS = "frac_reward_zero_std"  # TRL's name: share of the prompts of which all answers have one reward
REWARD_RANGE = "rl/reward_range"  # of PPO: largest less smallest reward of a step's answers, where it has several
PPO_ALONE = "loss/value"  # in every step of PPO that learned
LARGE_MISMATCH = 0.01  # nats a token; float32 gives 1e-6, bfloat16 about 0.01


def diagnosed(log: Sequence[Mapping[str, float]], objective: Objective, has_other_reference: bool) -> tuple[str, ...]:
    """Notes on a finished training with this objective."""
    corrects_sampling = isinstance(objective, CorrectsSampling) and objective.corrects_sampling
    return diagnose(log, rewards_of(objective, has_other_reference), corrects_sampling)


def diagnose(
    log: Sequence[Mapping[str, float]], of: Rewards | None = UNKNOWN, corrects_sampling: bool = False
) -> tuple[str, ...]:
    """Notes on a finished training: too easy pairs, a falling chosen reward, no learning, a divergence that explodes.

    of: what the log's rewards are; None where they say nothing of how likely answers are. corrects_sampling: whether tokens
    were weighted by the trainer's probability over the sampler's.
    """
    notes = [*_no_gradient(log), *_divergence(log), *_without_pairs(log), *_unrated(log)]
    notes += [*_equal_groups(log), *_equal_steps(log), *_mismatch(log, corrects_sampling)]
    log = [row for row in log if "skipped" not in row]
    if not log or not {"rewards/margins", "rewards/chosen"} <= log[0].keys() & log[-1].keys():
        return tuple(notes)
    third = max(1, len(log) // 3)
    first, last = log[:third], log[-third:]
    if len(log) >= ENOUGH and "rewards/accuracies" in log[0] and _mean(log[: ENOUGH // 2][1:], "rewards/accuracies") >= 1.0:
        notes.append(
            "The policy ranked every pair correctly from the first steps on (accuracy 1.0): the rejected answers are "
            "easy to recognise, so there was little left to learn from them."
        )
    if len(log) >= ENOUGH and of is not None:
        notes += [*_falling(first, last, of), *_little_learned(last, of)]
    return tuple(notes)


def _falling(first: Sequence[Mapping[str, float]], last: Sequence[Mapping[str, float]], of: Rewards) -> list[str]:
    """Chosen answers that became less likely between the first third of the steps and the last."""
    (before, chosen), (start, margin) = (
        (_mean(first, name), _mean(last, name)) for name in ("rewards/chosen", "rewards/margins")
    )
    if chosen >= 0 or chosen >= before or margin == start:
        return []
    if margin < start:
        return [
            f"The chosen reward fell from {before:.3g} to {chosen:.3g} (means over the first and the last third of the steps) "
            f"and the margin from {start:.3g} to {margin:.3g}: the chosen answers became less likely, and by more than the "
            "rejected ones. A loss that aims at a margin (ipo) does so where the margin begins above it; else lower "
            "learning_rate."
        ]
    usual = f"Usual for DPO; sft_weight{' or a larger beta' if of.beta else ''} prevents it."
    return [
        f"The chosen reward fell to {chosen:.3g} while the margin grew to {margin:.3g}: the chosen answers became less likely "
        f"too, but by less than the rejected ones. {'The loss is meant to.' if of.lowers_chosen else usual}"
    ]


def _little_learned(last: Sequence[Mapping[str, float]], of: Rewards) -> list[str]:
    """Log-ratios to where the training began that stayed near 0; rewards are beta times them."""
    if of.beta is None:
        return []
    chosen, margin = (_mean(last, name) / of.beta for name in ("rewards/chosen", "rewards/margins"))
    if abs(margin) >= UNCHANGED:
        return []
    moved = (
        "prefers the chosen answers no more than before, though it changed" if abs(chosen) >= UNCHANGED else "hardly changed"
    )
    return [
        f"The margin is {margin * of.beta:.2g} at the end, {margin:.2g} nats an answer: the policy {moved}; raise "
        "learning_rate or epochs."
    ]


def _no_gradient(log: Sequence[Mapping[str, float]]) -> list[str]:
    norms = [row["grad_norm"] for row in log if "grad_norm" in row]
    if not norms or any(norms):
        return []
    return ["The gradient was 0 in every step that was made: nothing was learned from these answers or rewards."]


def _divergence(log: Sequence[Mapping[str, float]]) -> list[str]:
    """KL to the reference in nats an answer, where the training logs it."""
    values = [row["objective/kl"] for row in log if "objective/kl" in row]
    if len(values) < ENOUGH or max(values) < FAR:
        return []
    step = next(row["step"] for row in log if row.get("objective/kl", 0.0) >= FAR)
    return [
        f"The policy was {max(values):.0f} nats an answer away from the reference at its farthest (over {FAR:.0f} from step "
        f"{step:.0f} on): the reward is not reliable that far from its training data. Raise beta or lower learning_rate."
    ]


def _without_pairs(log: Sequence[Mapping[str, float]]) -> list[str]:
    """Steps of an online method that had nothing to learn from, and prompts that were left out of the others."""
    shares = [row["online/used"] for row in log if "online/used" in row]
    steps = sum("skipped" in row for row in log)
    if not shares or fmean(shares) == 1:
        return []
    return [
        f"{1 - fmean(shares):.1%} of the prompts of a step were left out on average, since their fresh pairs could not be used "
        f"(ties, empty or unjudged answers); {steps} of {len(log)} steps had no usable pair and were skipped."
        f"{_no_step(log)}"
    ]


def _unrated(log: Sequence[Mapping[str, float]]) -> list[str]:
    """Prompts that reinforcement could not learn from, since their answers got no reward."""
    unrated = [row["rl/unrated"] for row in log if "rl/unrated" in row]
    if not any(unrated):
        return []
    return [
        f"{fmean(unrated):.1f} prompts of a step were left out on average, since the reward could not rate their answers."
        f"{_no_step(log)}"
    ]


def _no_step(log: Sequence[Mapping[str, float]]) -> str:
    return " No step was made: the weights are the base's." if all("skipped" in row for row in log) else ""


def _equal_groups(log: Sequence[Mapping[str, float]]) -> list[str]:
    """Prompts whose answers have equal rewards, from which nothing could be learned but the distance to the reference."""
    shares = [row[EQUAL_REWARDS] for row in log if EQUAL_REWARDS in row]
    if not shares or fmean(shares) == 0:
        return []
    skips = any("rl/skipped_groups" in row for row in log)  # GRPO does; RLOO takes the KL penalty off each reward
    came = "and were skipped" if skips else "and taught nothing but the KL penalty"
    return [
        f"{fmean(shares):.0%} of the groups had answers of equal rewards {came}. A reward that tells answers apart, "
        "a higher temperature or more answers a prompt leave fewer."
    ]


def _equal_steps(log: Sequence[Mapping[str, float]]) -> list[str]:
    """Steps of PPO whose answers all have the same reward: whitened, the value head's errors look like advantages.

    A step of one answer says nothing; with no other, the rewards of all steps are compared.
    """
    rows = [row for row in log if REWARD_RANGE in row]
    equal = [row for row in rows if row[REWARD_RANGE] == 0]
    of_ppo = [row for row in log if REWARD_RANGE in row or PPO_ALONE in row]
    scores = [row["objective/scores"] for row in of_ppo if "objective/scores" in row]
    if not scores or (rows and not equal):
        return []
    is_constant = len(equal) == len(rows) and all(math.isclose(score, scores[0], abs_tol=1e-9) for score in scores)
    if not rows and not is_constant:
        return []
    what = f"All answers had the reward {scores[0]:g}" if is_constant else f"In {len(equal) / len(rows):.0%} of the steps all"
    what += ", and" if is_constant else " answers had the same reward, and"
    return [
        f"{what} taught nothing but the KL penalty: PPO scales the advantages of a step to the same spread, which here was "
        "that of the value head's errors alone. A reward that tells answers apart is needed."
    ]


def _mismatch(log: Sequence[Mapping[str, float]], is_corrected: bool) -> list[str]:
    """Sampler and trainer that do not agree on the log-probabilities of what was sampled."""
    gaps = [row[MISMATCH] for row in log if MISMATCH in row]
    if not gaps or fmean(gaps) < LARGE_MISMATCH:
        return []
    how = "Use one precision for both, or importance_sampling_correction."
    return [
        f"Sampler and trainer differed by {fmean(gaps):.4f} nats a token on average in the log-probabilities of the sampled "
        "answers: the gradient is not quite that of the policy that was sampled. "
        + ("It was corrected for by importance weights." if is_corrected else how)
    ]


def dropped_note(dropped: Mapping[str, int], asked: int, listed: str = "") -> tuple[str, ...]:
    """One sentence on the pairs that were left out, or none; `listed`: the file that names them."""
    if not dropped:
        return ()
    reasons = ", ".join(f"{reason} {n}" for reason, n in dropped.items())
    ids = f" (ids in {listed})" if listed else ""
    return (f"{sum(dropped.values())} of {asked} pairs were left out of training: {reasons}{ids}.",)


def lost_rows_note(rows: int, steps: int) -> tuple[str, ...]:
    """One sentence where a finished training's log lacks rows, or none."""
    if rows == steps:
        return ()
    return (
        f"log.jsonl has {rows:,} of {steps:,} rows that can be read: the file was changed or damaged since the training, and "
        "what is said of the log is of these rows.",
    )


def _mean(rows: Sequence[Mapping[str, float]], key: str) -> float:
    return fmean([row[key] for row in rows if key in row])
