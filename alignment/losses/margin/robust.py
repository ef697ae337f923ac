"""Robust DPO: an unbiased estimate of the clean loss when a known share of labels is flipped.

Chowdhury et al. 2024, arXiv:2403.00409, equation 12. TRL: `robust`, with `label_smoothing` as the share.
"""

from torch.nn.functional import logsigmoid

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._flip import check_flip
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits(scores=True)
def robust(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1, flip: float = 0.1) -> PairLoss:
    """[-(1 - flip) log sigmoid(m) + flip log sigmoid(-m)] / (1 - 2 flip), with m = beta * margin; (B,).

    Args:
        beta: pull back to the reference, > 0.
        flip: share of flipped labels, in [0, 0.5).

    A single loss can be negative; its mean over pairs is what counts.
    """
    check_flip("robust", flip)
    chosen, rejected = rewards(policy, reference, beta)
    margin = chosen - rejected
    loss = (-(1 - flip) * logsigmoid(margin) + flip * logsigmoid(-margin)) / (1 - 2 * flip)
    return PairLoss(loss, chosen.detach(), rejected.detach())
