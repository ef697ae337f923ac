"""CHiP: answers and images are contrasted in one sigmoid, with the divergence of each answer's tokens where it is known.

Fu et al. 2025, arXiv:2501.16629; `chip_loss` of LVUGAI/CHiP. The paper writes a sum of losses; its code, which this follows,
puts all terms into one sigmoid. Token weights ("segments") change the sums given here: `alignment/contrast/token_terms.py`.
"""

from torch import Tensor
from torch.nn.functional import logsigmoid

from alignment.batching.logps import ImageLogps, PairLoss


def chip(
    policy: ImageLogps,
    reference: ImageLogps,
    chosen_kl: Tensor | None = None,
    rejected_kl: Tensor | None = None,
    *,
    beta: float = 0.1,
    tok_beta: float = 0.1,
    use_cross_modal_loss: bool = True,
) -> PairLoss:
    """-log s(beta [(r_w - r_l) + (r_w - c) - tok_beta (K_l - sg(K_w))]), one loss a pair, (B,); s the sigmoid, sg no gradient.

    Args:
        policy, reference: log-probabilities of the same pairs; r are their differences, c that of the chosen answer behind the
            damaged image.
        chosen_kl, rejected_kl: K, (B,), sum over the answer's positions of KL(reference || policy); None leaves the term out.
        beta: pull back to the reference, > 0.
        tok_beta: weight of the token term.
        use_cross_modal_loss: whether the images are contrasted, r_w - c.

    The rewards are those of the official code: with K, where it is given.
    """
    chosen, rejected = policy.chosen - reference.chosen, policy.rejected - reference.rejected
    margin = chosen - rejected
    if use_cross_modal_loss:
        margin = margin + chosen - (policy.chosen_elsewhere - reference.chosen_elsewhere)
    if chosen_kl is not None and rejected_kl is not None:
        margin = margin - tok_beta * (rejected_kl - chosen_kl.detach())
        chosen, rejected = chosen + chosen_kl, rejected + rejected_kl
    return PairLoss(-logsigmoid(beta * margin), beta * chosen.detach(), beta * rejected.detach())
