"""APO-zero on single answers: good ones up, bad ones down, without a divergence estimate.

D'Oosterlinck et al. 2024, arXiv:2408.06266. TRL: KTOTrainer, `loss_type: apo_zero_unpaired`.
"""

from torch import Tensor, where

from alignment.batching.logps import AnswerLogps


def apo_zero_unpaired(
    policy: AnswerLogps,
    reference: AnswerLogps,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Tensor:
    """D (1 - s(beta r)) of desirable answers, U s(beta r) of others, s the sigmoid and r the log-ratio; (A,), to be
    averaged.
    """
    reward = beta * (policy.logps - reference.logps)
    return where(policy.desirable, desirable_weight * (1 - reward.sigmoid()), undesirable_weight * reward.sigmoid())
