"""RLOO on whole answers: the leave-one-out advantage with the divergence in the reward, and the loss of answers just drawn.

Ahmadian et al. 2024, arXiv:2402.14740; as TRL 1.16's RLOOTrainer computes them. Each answer is learned from once: its
probability ratio is 1 and TRL's clip of it has no effect.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def leave_one_out(rewards: Tensor, counts: Sequence[int]) -> Tensor:
    """Each reward (A,) less the mean of the other scored answers to the same prompt, (A,).

    Args:
        rewards: nan: not scored; such an answer gets 0 and is in no mean.
        counts: answers a prompt, in order. An answer whose prompt has no other scored one gets 0.
    """
    parts = torch.split(rewards, list(counts))
    found = torch.cat([own - (own.nansum() - own) / (len(own) - own.isnan().sum() - 1) for own in parts])
    return found.nan_to_num(0.0)


def penalised(rewards: Tensor, kl: Tensor, beta: float) -> Tensor:
    """Rewards less beta times the divergence, (A,); nan where nothing scored the answer.

    Args:
        rewards: (A,); nan: not scored.
        kl: (A,) log pi - log pi_ref, summed over an answer's tokens.
    """
    return rewards - beta * kl


def rloo_loss(policy: Tensor, advantage: Tensor) -> Tensor:
    """Of each answer, (A,): -advantage, with the gradient of -advantage * log pi.

    Args:
        policy: (A,) summed log-probabilities.
    """
    return -(policy - policy.detach()).exp() * advantage
