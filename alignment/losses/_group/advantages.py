"""Advantages of answers in groups, as TRL 1.16's GRPOTrainer makes them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

SCALES = ("group", "batch", "none")
AGGREGATIONS = ("sum_then_normalize", "normalize_then_sum")
_EPSILON = 1e-4  # added to a standard deviation before it divides


def advantages(
    rewards: Tensor,
    group_size: int,
    *,
    weights: Sequence[float] | None = None,
    scale_rewards: str = "group",
    aggregation: str = "sum_then_normalize",
) -> Tensor:
    """How much better each answer is than its group, (A,).

    Args:
        rewards: (A, R) of R reward functions, groups contiguous; nan: not scored. An answer without any score gets 0 and does
        not
            enter a mean.
        weights: of the reward functions, 1 by default.
        scale_rewards: group (divide by the group's standard deviation), batch (by that of all answers) or none (Dr. GRPO).
        aggregation: sum_then_normalize, or normalize_then_sum (GDPO: each function is z-scored in its group, their weighted sum
            over all answers).
    """
    weight = torch.ones(rewards.shape[1]).to(rewards) if weights is None else torch.tensor(list(weights)).to(rewards)
    unscored = rewards.isnan().all(1)
    if aggregation == "normalize_then_sum":
        groups = rewards.view(-1, group_size, rewards.shape[1])
        scored = (groups - groups.nanmean(1, keepdim=True)) / (_deviation(groups, 1) + _EPSILON)
        summed = _summed(scored.reshape(rewards.shape), weight, unscored)
        found = (summed - summed.nanmean()) / (_deviation(summed, 0) + _EPSILON)
    else:
        summed = _summed(rewards, weight, unscored)
        groups = summed.view(-1, group_size)
        found = (groups - groups.nanmean(1, keepdim=True)).flatten()
        if scale_rewards == "group":
            found = found / (_deviation(groups, 1).expand_as(groups).flatten() + _EPSILON)
        elif scale_rewards == "batch":
            found = found / (_deviation(summed, 0) + _EPSILON)
    return found.nan_to_num(0.0, 0.0, 0.0)


def undecided(rewards: Tensor, group_size: int) -> Tensor:
    """(A / group_size,) bool: groups in which nothing is to be learned, since all scored answers have the same rewards."""
    groups = rewards.view(-1, group_size, rewards.shape[1])
    low, high = groups.nan_to_num(float("inf")).amin(1), groups.nan_to_num(float("-inf")).amax(1)
    return (high <= low).all(1)


def _summed(rewards: Tensor, weight: Tensor, unscored: Tensor) -> Tensor:
    return (rewards * weight).nansum(1).masked_fill(unscored, float("nan"))


def _deviation(values: Tensor, axis: int) -> Tensor:
    """Unbiased standard deviation of what is not nan, the axis kept."""
    known = ~values.isnan()
    squares = (values - values.nanmean(axis, keepdim=True)).square().nansum(axis, keepdim=True)
    return (squares / (known.sum(axis, keepdim=True) - 1)).sqrt()
