"""Negative log-likelihood of the chosen answers: the term that keeps them likely in a mixture.

The `sft` of TRL, the NLL term of RPO (Pang et al. 2024, arXiv:2404.19733) and of MPO. Alone it is the aligner `sft`.
"""

from alignment.batching.logps import PairLogps, PairLoss, nll
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits(reference=False)
def sft(policy: PairLogps, reference: PairLogps | None = None, *, beta: float = 0.1) -> PairLoss:
    """Token mean of -log p over the chosen answers of the step: per pair the loss is 0 and `token_loss` is -log p of the
    answer.

    An answer with several rejected ones counts once. beta is not used; rewards are 0.
    """
    zero = policy.chosen.detach() * 0
    return PairLoss(zero, zero, zero, token_loss=nll(policy))
