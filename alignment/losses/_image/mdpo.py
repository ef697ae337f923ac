"""mDPO: the chosen answer must beat the rejected one, and must lose when the image is damaged; and it must not become unlikely.

Wang et al. 2024, arXiv:2406.11839; `dpo_loss` of luka-group/mDPO. The anchor's margin is 0, as in that code.
"""

from torch.nn.functional import logsigmoid

from alignment.batching.logps import ImageLogps, PairLoss


def mdpo(
    policy: ImageLogps,
    reference: ImageLogps,
    *,
    beta: float = 0.1,
    conditional_weight: float = 1.0,
    anchor_weight: float = 1.0,
) -> PairLoss:
    """-log s(beta (r_w - r_l)) - log s(beta (r_w - c)) - log s(beta r_w), one loss a pair, (B,); s the sigmoid.

    Args:
        policy, reference: log-probabilities of the same pairs; r are their differences, c that of the chosen answer behind the
            damaged image, which must be the same image for both.
        beta: pull back to the reference, > 0.
        conditional_weight, anchor_weight: of the second and the third term; 1 in the paper.

    Where policy equals reference every loss is 3 log 2.
    """
    chosen = beta * (policy.chosen - reference.chosen)
    rejected = beta * (policy.rejected - reference.rejected)
    elsewhere = beta * (policy.chosen_elsewhere - reference.chosen_elsewhere)
    loss = -logsigmoid(chosen - rejected)
    loss = loss - conditional_weight * logsigmoid(chosen - elsewhere) - anchor_weight * logsigmoid(chosen)
    return PairLoss(loss, chosen.detach(), rejected.detach())
