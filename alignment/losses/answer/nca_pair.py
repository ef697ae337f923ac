"""NCA: raises the chosen answer's own reward instead of the margin alone.

Chen et al. 2024, arXiv:2402.05369, for two answers. TRL: `nca_pair`.
"""

from torch.nn.functional import logsigmoid

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits()
def nca_pair(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1) -> PairLoss:
    """-log s(w) - 0.5 log s(-w) - 0.5 log s(-l), with rewards w and l and the sigmoid s; (B,). 2 log 2 where policy equals
    reference.
    """
    chosen, rejected = rewards(policy, reference, beta)
    loss = -logsigmoid(chosen) - 0.5 * logsigmoid(-chosen) - 0.5 * logsigmoid(-rejected)
    return PairLoss(loss, chosen.detach(), rejected.detach())
