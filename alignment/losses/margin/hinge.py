"""SLiC: a hinge on the log-ratio margin.

Zhao et al. 2023, arXiv:2305.10425, in the reference-relative form of Tang et al. 2024 (GPO), arXiv:2402.05749.
TRL: `hinge`; the study and POVID's trainer call it SLiC, so that `slic` is understood too.
"""

from torch import relu

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits(scores=True)
def hinge(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1) -> PairLoss:
    """relu(1 - beta * margin), (B,); where policy equals reference every loss is 1.

    Args:
        beta: pull back to the reference, > 0.
    """
    chosen, rejected = rewards(policy, reference, beta)
    return PairLoss(relu(1 - (chosen - rejected)), chosen.detach(), rejected.detach())
