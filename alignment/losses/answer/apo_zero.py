"""APO-zero: chosen answers up, rejected answers down, each on its own.

D'Oosterlinck et al. 2024, arXiv:2408.06266, for chosen answers that are better than the policy's own. TRL: `apo_zero`.
"""

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits()
def apo_zero(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1) -> PairLoss:
    """1 - s(w) + s(l), with rewards w and l and the sigmoid s; (B,), in [0, 2]. 1 where policy equals reference."""
    chosen, rejected = rewards(policy, reference, beta)
    return PairLoss(1 - chosen.sigmoid() + rejected.sigmoid(), chosen.detach(), rejected.detach())
