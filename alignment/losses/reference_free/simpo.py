"""SimPO: mean log-probabilities and a target margin, without a reference.

Meng et al. 2024, arXiv:2405.14734, equation 6; with alpha it is AlphaPO (Gupta et al. 2025, arXiv:2501.03884). TRL:
CPOTrainer with `loss_type: simpo`, whose default adds a likelihood term (`cpo_alpha` 1.0): add `sft` to a mixture for it.
gamma is the target margin itself, as TRL's `simpo_gamma`; the authors' own code takes the ratio gamma / beta.
"""

from alignment.batching.logps import PairLogps, PairLoss, tokens_of
from alignment.losses._flip import check_flip, smoothed
from alignment.losses._traits import traits
from harness.core import registry
from harness.core.errors import ConfigError


@registry.loss
@traits(reference=False)
def simpo(
    policy: PairLogps,
    reference: PairLogps | None = None,
    *,
    beta: float = 2.5,
    gamma: float = 1.375,
    alpha: float = 0.0,
    flip: float = 0.0,
) -> PairLoss:
    """-log sigmoid(beta (s_w - s_l) - gamma), (B,), with s the mean log-probability of an answer's tokens.

    Args:
        beta: scale of a margin in nats per token: 2 to 10, where `dpo` has 0.1.
        gamma: target margin, >= 0.
        alpha: of AlphaPO: s becomes (1 - exp(-alpha s)) / alpha.
        flip: label smoothing, in [0, 0.5).
    """
    check_flip("simpo", flip)
    if gamma < 0:
        raise ConfigError(f"simpo: gamma is {gamma}; it is a target margin, at least 0.")
    n_chosen, n_rejected = tokens_of(policy)
    chosen, rejected = policy.chosen / n_chosen, policy.rejected / n_rejected
    if alpha:
        chosen, rejected = ((1 - (-alpha * s).exp()) / alpha for s in (chosen, rejected))
    margin = beta * (chosen - rejected) - gamma
    loss = smoothed(margin, flip)
    return PairLoss(loss, beta * chosen.detach(), beta * rejected.detach())
