"""AOT: the policy's preference margins dominate the reference's as distributions, quantile by quantile.

Melnyk et al. 2024, arXiv:2406.05882, paired form. TRL: `aot`, with `label_smoothing` as flip. Ranks are those of the whole
step, so that the micro-batch does not matter.
"""

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._flip import check_flip
from alignment.losses._traits import traits
from alignment.losses.answer._quantiles import sorted_loss
from harness.core import registry


@registry.loss
@traits(whole_step=True)
def aot(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1, flip: float = 0.0) -> PairLoss:
    """cDPO of the k-th smallest policy margin p_w - p_l against the k-th smallest reference margin q_w - q_l; (B,).

    flip: label smoothing, in [0, 0.5). The loss of a rank stands at the pair whose policy margin has it.
    """
    check_flip("aot", flip)
    now, before = policy.chosen - policy.rejected, reference.chosen - reference.rejected
    chosen, rejected = rewards(policy, reference, beta)
    return PairLoss(sorted_loss(now, before, beta, flip), chosen.detach(), rejected.detach())
