"""IPO as printed: a squared distance of the summed log-ratio margin to 1 / (2 beta).

Azar et al. 2023, arXiv:2310.12036, equation 17. TRL's OnlineDPOTrainer calls this `ipo`; its DPOTrainer's `ipo`
divides by answer lengths first (`ipo` here).
"""

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits(scores=True)
def ipo_sum(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1) -> PairLoss:
    """(chosen log-ratio - rejected log-ratio - 1 / (2 beta))^2, (B,).

    Args:
        beta: pull back to the reference, > 0.
    """
    margin = (policy.chosen - reference.chosen) - (policy.rejected - reference.rejected)
    chosen, rejected = rewards(policy, reference, beta)
    return PairLoss((margin - 1 / (2 * beta)) ** 2, chosen.detach(), rejected.detach())
