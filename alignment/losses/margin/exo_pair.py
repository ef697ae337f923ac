"""EXO: the KL divergence of the policy's preference to a smoothed label.

Ji et al. 2024, arXiv:2402.00856, for two answers. TRL: `exo_pair`, with `label_smoothing` as flip.
"""

from math import log

from torch.nn.functional import logsigmoid

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._flip import check_flip
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits(scores=True)
def exo_pair(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1, flip: float = 1e-3) -> PairLoss:
    """s(m) (log s(m) - log(1 - flip)) + s(-m) (log s(-m) - log flip), s the sigmoid and m = beta * margin; (B,).

    The loss is 0 where s(m) = 1 - flip: the target margin is finite. Raises ConfigError for a flip outside, since without
    smoothing the target is infinitely far (TRL 0.10 took 1e-3 without a word).

    Args:
        flip: share of pairs that are the wrong way round, above 0 and below 0.5.
    """
    check_flip("exo_pair", flip, above=0)
    chosen, rejected = rewards(policy, reference, beta)
    margin = chosen - rejected
    ahead, behind = logsigmoid(margin), logsigmoid(-margin)
    loss = ahead.exp() * (ahead - log(1 - flip)) + behind.exp() * (behind - log(flip))
    return PairLoss(loss, chosen.detach(), rejected.detach())
