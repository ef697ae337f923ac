"""KTO: answers that are good or bad on their own, weighed against the divergence from the reference.

Ethayarajh et al. 2024, arXiv:2402.01306, equations 7 and 8. TRL: KTOTrainer, `loss_type: kto`.
"""

from torch import Tensor, where

from alignment.batching.logps import AnswerLogps


def kto(
    policy: AnswerLogps,
    reference: AnswerLogps,
    kl: Tensor,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Tensor:
    """D (1 - s(beta (r - z))) of desirable answers, U (1 - s(beta (z - r))) of others, s the sigmoid; (A,), averaged over all.

    Args:
        policy, reference: log-probabilities of the same A answers; r is their difference.
        kl: z, (), from `mismatch_kl` over the whole step, without gradient.
        beta: pull back to the reference, > 0.
        desirable_weight, undesirable_weight: D and U; the mean still divides by the number of answers.
    """
    ratio = policy.logps - reference.logps
    good = desirable_weight * (1 - (beta * (ratio - kl)).sigmoid())
    bad = undesirable_weight * (1 - (beta * (kl - ratio)).sigmoid())
    return where(policy.desirable, good, bad)


def mismatch_kl(policy: Tensor, reference: Tensor) -> Tensor:
    """Estimate of the divergence from answers beside prompts that are not theirs, (M,) each: max(0, mean log-ratio), ()."""
    return (policy - reference).mean().clamp(min=0).detach()
