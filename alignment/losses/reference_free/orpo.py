"""ORPO: likelihood of the chosen answers and the odds ratio of both, without a reference.

Hong et al. 2024, arXiv:2403.07691, equations 6 and 7; beta is the paper's lambda. TRL: ORPOTrainer, whose likelihood term
also counts prompt tokens, for image-text models the image placeholders too; here answer tokens only, as in the paper.
"""

from torch import expm1
from torch.nn.functional import logsigmoid

from alignment.batching.logps import PairLogps, PairLoss, nll, tokens_of
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits(reference=False)
def orpo(policy: PairLogps, reference: PairLogps | None = None, *, beta: float = 0.1) -> PairLoss:
    """-beta log sigmoid(log odds(w) - log odds(l)), (B,), and the token mean of the chosen answers' -log p.

    Odds are those of an answer's mean token probability, exp of its mean log-probability.
    """
    n_chosen, n_rejected = tokens_of(policy)
    chosen, rejected = policy.chosen / n_chosen, policy.rejected / n_rejected
    log_odds = (chosen - rejected) - ((-expm1(chosen)).log() - (-expm1(rejected)).log())
    loss = -beta * logsigmoid(log_odds)
    return PairLoss(loss, beta * chosen.detach(), beta * rejected.detach(), token_loss=nll(policy))
