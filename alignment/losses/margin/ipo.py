"""IPO, length-normalised: a squared distance to a fixed margin per token.

Azar et al. 2023, arXiv:2310.12036, equation 17, on mean log-ratios per answer token, as TRL's offline trainer does
it (its online trainer, under the same name, sums instead: that is `ipo_sum` here).
"""

from alignment.batching.logps import PairLogps, PairLoss, rewards, tokens_of
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits(scores=True)
def ipo(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1) -> PairLoss:
    """(mean chosen log-ratio - mean rejected log-ratio - 1 / (2 beta))^2, (B,).

    Needs PairLogps with token counts. Rewards are those of `dpo`, sums and not means, as TRL logs them.

    Args:
        beta: pull back to the reference, > 0.
    """
    n_chosen, n_rejected = tokens_of(policy)
    chosen = (policy.chosen - reference.chosen) / n_chosen
    rejected = (policy.rejected - reference.rejected) / n_rejected
    reward_chosen, reward_rejected = rewards(policy, reference, beta)
    return PairLoss((chosen - rejected - 1 / (2 * beta)) ** 2, reward_chosen.detach(), reward_rejected.detach())
