"""SPPO: each answer's log-ratio is pulled to a target of its own, half a step up or down.

Wu et al. 2024, arXiv:2405.00675, with hard labels. TRL: `sppo_hard`. beta is 1 / eta: targets lie 1 / (2 beta) nats away,
so loss and gradient grow with 1 / beta^2 and need clipping.
"""

from alignment.batching.logps import PairLogps, PairLoss
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits()
def sppo_hard(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1) -> PairLoss:
    """(r_w - 1 / (2 beta))^2 + (r_l + 1 / (2 beta))^2, with the log-ratios r; (B,)."""
    chosen, rejected = policy.chosen - reference.chosen, policy.rejected - reference.rejected
    target = 1 / (2 * beta)
    return PairLoss((chosen - target) ** 2 + (rejected + target) ** 2, beta * chosen.detach(), beta * rejected.detach())
