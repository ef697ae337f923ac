"""Advantages of answers in groups, as TRL 1.16's GRPOTrainer makes them."""

from __future__ import annotations

from torch import Tensor

SCALES = ("group", "batch", "none")
_EPSILON = 1e-4  # added to a standard deviation before it divides


def advantages(rewards: Tensor, group_size: int, *, scale_rewards: str = "group") -> Tensor:
    """How much better each answer is than its group, (A,).

    Args:
        rewards: (A,), groups contiguous; nan: not scored. Such an answer gets 0 and does not enter a mean.
        scale_rewards: group (divide by the group's standard deviation), batch (by that of all answers) or none (Dr. GRPO).
    """
    groups = rewards.view(-1, group_size)
    found = (groups - groups.nanmean(1, keepdim=True)).flatten()
    if scale_rewards == "group":
        found = found / (_deviation(groups, 1).expand_as(groups).flatten() + _EPSILON)
    elif scale_rewards == "batch":
        found = found / (_deviation(rewards, 0) + _EPSILON)
    return found.nan_to_num(0.0, 0.0, 0.0)


def undecided(rewards: Tensor, group_size: int) -> Tensor:
    """(A / group_size,) bool: groups in which nothing is to be learned, since all scored answers have the same reward."""
    groups = rewards.view(-1, group_size)
    low, high = groups.nan_to_num(float("inf")).amin(1), groups.nan_to_num(float("-inf")).amax(1)
    return high <= low


def _deviation(values: Tensor, axis: int) -> Tensor:
    """Unbiased standard deviation of what is not nan, the axis kept."""
    known = ~values.isnan()
    squares = (values - values.nanmean(axis, keepdim=True)).square().nansum(axis, keepdim=True)
    return (squares / (known.sum(axis, keepdim=True) - 1)).sqrt()
