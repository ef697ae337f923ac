"""Length-normalised DPO: the margin of mean log-ratios per answer token.

Lambert et al. 2024 (Tulu 3), arXiv:2411.15124, section 5. TRL: `sigmoid_norm`. Scores are per token, so beta is larger than in
`dpo`: Tulu 3 takes 5.
"""

from torch.nn.functional import logsigmoid

from alignment.batching.logps import PairLogps, PairLoss, rewards, tokens_of
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits(scores=True)
def sigmoid_norm(policy: PairLogps, reference: PairLogps, *, beta: float = 5.0) -> PairLoss:
    """-log sigmoid(beta * (mean chosen log-ratio - mean rejected log-ratio)), (B,). Rewards are those of `dpo`, as TRL logs
    them.
    """
    n_chosen, n_rejected = tokens_of(policy)
    chosen = (policy.chosen - reference.chosen) / n_chosen
    rejected = (policy.rejected - reference.rejected) / n_rejected
    reward_chosen, reward_rejected = rewards(policy, reference, beta)
    return PairLoss(-logsigmoid(beta * (chosen - rejected)), reward_chosen.detach(), reward_rejected.detach())
