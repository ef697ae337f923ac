"""CPO: preference and likelihood without a reference.

Xu et al. 2024, arXiv:2401.08417, equation 6. TRL: CPOTrainer, with `label_smoothing` as flip and `loss_type` as shape.
"""

from torch import relu

from alignment.batching.logps import PairLogps, PairLoss, nll, tokens_of
from alignment.losses._flip import check_flip, smoothed
from alignment.losses._traits import traits
from harness.core import registry
from harness.core.errors import ConfigError


@registry.loss
@traits(reference=False)
def cpo(
    policy: PairLogps,
    reference: PairLogps | None = None,
    *,
    beta: float = 0.1,
    cpo_alpha: float = 1.0,
    flip: float = 0.0,
    shape: str = "sigmoid",
) -> PairLoss:
    """-log sigmoid(beta (p_w - p_l)), (B,), and cpo_alpha times the token mean of the chosen answers' -log p.

    Args:
        beta: scale of the log-probability margin, > 0.
        cpo_alpha: weight of the likelihood term, >= 0.
        flip: label smoothing, in [0, 0.5); of the sigmoid shape alone.
        shape: sigmoid; hinge, relu(1 - beta (p_w - p_l)); ipo, the squared distance of mean log-probabilities to 1 / (2 beta).
    """
    check_flip("cpo", flip)
    if cpo_alpha < 0:
        raise ConfigError(f"cpo: cpo_alpha is {cpo_alpha}; below 0 the chosen answers would be made unlikely.")
    chosen, rejected = policy.chosen, policy.rejected
    if flip and shape != "sigmoid":
        raise ConfigError(f"cpo: flip is {flip} and shape {shape}, which has no label smoothing.")
    if shape == "ipo":
        n_chosen, n_rejected = tokens_of(policy)
        chosen, rejected = chosen / n_chosen, rejected / n_rejected
    margin = chosen - rejected
    if shape == "sigmoid":
        loss = smoothed(beta * margin, flip)
    elif shape == "hinge":
        loss = relu(1 - beta * margin)
    elif shape == "ipo":
        loss = (margin - 1 / (2 * beta)) ** 2
    else:
        raise ConfigError(f"cpo: shape is {shape!r}; choose sigmoid, hinge or ipo.")
    return PairLoss(loss, beta * chosen.detach(), beta * rejected.detach(), token_loss=cpo_alpha * nll(policy))
