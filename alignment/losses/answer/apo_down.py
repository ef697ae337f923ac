"""APO-down: both answers down, the rejected one further.

D'Oosterlinck et al. 2024, arXiv:2408.06266, for chosen answers that are *worse* than the policy's own; it makes them less
likely on purpose. TRL: `apo_down`.
"""

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits(lowers_chosen=True)
def apo_down(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1) -> PairLoss:
    """s(w) + 1 - s(w - l), with rewards w and l and the sigmoid s; (B,). 1 where policy equals reference."""
    chosen, rejected = rewards(policy, reference, beta)
    return PairLoss(chosen.sigmoid() + 1 - (chosen - rejected).sigmoid(), chosen.detach(), rejected.detach())
