"""AOT, unpaired: chosen rewards dominate rejected rewards as distributions, quantile by quantile.

Melnyk et al. 2024, arXiv:2406.05882, unpaired form. TRL: `aot_unpaired` (`aot_pair` in TRL 0.10). Ranks are those of the
whole step.
"""

from alignment.batching.logps import PairLogps, PairLoss
from alignment.losses._flip import check_flip
from alignment.losses._traits import traits
from alignment.losses.answer._quantiles import sorted_loss
from harness.core import registry


@registry.loss
@traits(whole_step=True)
def aot_unpaired(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1, flip: float = 0.0) -> PairLoss:
    """cDPO of the k-th smallest chosen log-ratio against the k-th smallest rejected log-ratio; (B,).

    flip: label smoothing, in [0, 0.5). The loss of a rank stands at the pair whose chosen log-ratio has it.
    """
    check_flip("aot_unpaired", flip)
    above, below = policy.chosen - reference.chosen, policy.rejected - reference.rejected
    loss = sorted_loss(above, below, beta, flip)
    return PairLoss(loss, beta * above.detach(), beta * below.detach())
