"""BCO: a binary classifier of good and bad answers, its reward the log-ratio.

Jung et al. 2024, arXiv:2404.04656, without the reward shift. TRL >= 1.0: `bco_pair`; TRL < 1.0 and InternVL subtract a running
mean of rewards under the same name: that is `bco_pair_running` here.
"""

from torch.nn.functional import logsigmoid

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits()
def bco_pair(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1) -> PairLoss:
    """-log s(w) - log s(-l), with rewards w and l and the sigmoid s; (B,). 2 log 2 where policy equals reference."""
    chosen, rejected = rewards(policy, reference, beta)
    return PairLoss(-logsigmoid(chosen) - logsigmoid(-rejected), chosen.detach(), rejected.detach())
