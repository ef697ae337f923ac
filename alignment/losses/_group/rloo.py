"""RLOO on whole answers: the leave-one-out advantage with the divergence in the reward, and the clipped sequence ratio.

Ahmadian et al. 2024, arXiv:2402.14740; as TRL 1.16's RLOOTrainer computes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def leave_one_out(rewards: Tensor, counts: Sequence[int], normalize: bool = False) -> Tensor:
    """Each reward (A,) less the mean of the other scored answers to the same prompt, (A,).

    Args:
        rewards: nan: not scored; such an answer gets 0 and is in no mean.
        counts: answers a prompt, in order. An answer whose prompt has no other scored one gets 0.
        normalize: divide by the standard deviation over all answers, their mean taken off.
    """
    parts = torch.split(rewards, list(counts))
    found = torch.cat([own - (own.nansum() - own) / (len(own) - own.isnan().sum() - 1) for own in parts])
    if normalize:
        known = found[~found.isnan()]
        found = (found - known.mean()) / (known.std() + 1e-4)
    return found.nan_to_num(0.0)


def penalised(
    rewards: Tensor, kl: Tensor, beta: float, weights: Sequence[float] | None = None, clip: tuple[float, float] | None = None
) -> Tensor:
    """Rewards less beta times the divergence, (A,); nan where nothing scored the answer.

    Args:
        rewards: (A, R) of R reward functions; nan: not scored.
        kl: (A,) log pi - log pi_ref, summed over an answer's tokens.
        weights: of the reward functions, 1 by default.
        clip: the weighted sum of rewards is clipped to it, before the divergence is taken off.
    """
    weight = torch.ones(rewards.shape[1]).to(rewards) if weights is None else torch.tensor(list(weights)).to(rewards)
    summed = (rewards * weight).nansum(1).masked_fill(rewards.isnan().all(1), float("nan"))
    return (summed if clip is None else summed.clamp(*clip)) - beta * kl


def rloo_loss(
    policy: Tensor, old: Tensor, advantage: Tensor, *, epsilon: float = 0.2, epsilon_high: float | None = None
) -> Tensor:
    """Of each answer, (A,): -min(rho A, clip(rho) A), rho = exp of the summed log-ratio; where policy equals old -A with the
    gradient of -A log pi.

    Args:
        policy, old: (A,) summed log-probabilities now and when the answers were drawn.
        epsilon, epsilon_high: rho is clipped to [1 - epsilon, 1 + epsilon_high]; epsilon_high None: as epsilon.
    """
    ratio = (policy - old).exp()
    clipped = ratio.clamp(1 - epsilon, 1 + (epsilon if epsilon_high is None else epsilon_high))
    return -torch.minimum(ratio * advantage, clipped * advantage)
