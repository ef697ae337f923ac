"""DPO: make the policy prefer the chosen answer more than the reference does.

Rafailov et al. 2023, arXiv:2305.18290, equation 7. TRL calls it `sigmoid`; TRL >= 1.0 ignores label smoothing
there: see `cdpo` and `robust` for the two losses that use it.
"""

from torch.nn.functional import logsigmoid

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits(scores=True)
def dpo(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1) -> PairLoss:
    """-log sigmoid(beta * margin), one loss a pair, (B,).

    Args:
        policy, reference: log-probabilities of the same B pairs; `reference` carries no gradient.
        beta: pull back to the reference, > 0.

    Where policy equals reference every loss is log 2 and both rewards are 0.
    """
    chosen, rejected = rewards(policy, reference, beta)
    return PairLoss(-logsigmoid(chosen - rejected), chosen.detach(), rejected.detach())
