"""Avg-DPO: two rejected answers for one chosen, an external one and the policy's own.

The study's equation 5 (arXiv:2407.02477): gamma * DPO(chosen, external) + (1 - gamma) * DPO(chosen, own). It is what
POVID's code does; POVID's paper mixes the rejected log-probabilities instead.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._traits import traits
from harness.core import registry
from harness.core.errors import ConfigError, TrainingError


@registry.loss
@traits(scores=True)
def avg_dpo(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1, gamma: float = 0.5) -> PairLoss:
    """2 w * -log sigmoid(beta * margin), w = gamma for the first rejected answer and 1 - gamma for the second; (B,).

    The factor 2 makes the mean over the 2 N pairs of N rows equal to equation 5's mean over N rows.
    Args:
        beta: pull back to the reference, > 0.
        gamma: weight of the first rejected answer, in [0, 1]; 1 - gamma is the second's.

    Raises TrainingError where a row has not exactly two rejected answers, ConfigError for a gamma outside [0, 1].
    """
    if not 0 <= gamma <= 1:
        raise ConfigError(f"avg_dpo: gamma is {gamma}; it is the weight of the first rejected answer, 0 to 1.")
    weight = _weights(policy.rank, gamma).to(policy.chosen)
    chosen, rejected = rewards(policy, reference, beta)
    return PairLoss(-2 * weight * logsigmoid(chosen - rejected), chosen.detach(), rejected.detach())


def _weights(rank: Tensor | None, gamma: float) -> Tensor:
    firsts = 0 if rank is None else int((rank == 0).sum())
    if rank is None or firsts != int((rank == 1).sum()) or 2 * firsts != len(rank):
        raise TrainingError(
            "avg_dpo needs exactly two rejected answers in every pair: an external one, then the policy's own. "
            "Use dpo for pairs with one, or merge two pair files first."
        )
    return torch.where(rank == 0, gamma, 1 - gamma)
