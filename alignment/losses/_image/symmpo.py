"""SymMPO: two images, an answer that is right for each, and both orders of preference.

Liu et al. 2025, arXiv:2506.11712; `dpo_loss` of Liuwq-bit/SymMPO.
"""

from torch.nn.functional import logsigmoid

from alignment.batching.logps import ImageLogps, PairLoss
from harness.core.errors import TrainingError

MARGIN = 1e-4  # of the squared difference of the two margins, a constant of the official code


def symmpo(
    policy: ImageLogps,
    reference: ImageLogps,
    *,
    beta: float = 0.1,
    beta_2: float | None = None,
    lamda: float = 0.5,
) -> PairLoss:
    """-log s(b (1w - 1l)) + lamda [-log s(b x) - log s(b y)] - log s(b 1w) - log s(b2 2v) + 1e-4 (x - y)^2, one a pair, (B,).

    1w, 1l, 1v: log-ratios of the chosen, the rejected and the other image's answer behind the pair's own image; 2w, 2v behind
    the other one; x = 1w - 1v, y = 2v - 2w; s the sigmoid.

    Args:
        beta: b, > 0. beta_2: of the last anchor; as beta where None.
        lamda: weight of the symmetric term (named as in the official code).

    Where policy equals reference every loss is (3 + 2 lamda) log 2.
    """
    if policy.other is None or reference.other is None or policy.other_elsewhere is None or reference.other_elsewhere is None:
        raise TrainingError("SymMPO needs the answer that is right for the other image, behind both images.")
    chosen, rejected = policy.chosen - reference.chosen, policy.rejected - reference.rejected
    own = chosen - (policy.other - reference.other)
    other = policy.other_elsewhere - reference.other_elsewhere
    across = other - (policy.chosen_elsewhere - reference.chosen_elsewhere)
    loss = -logsigmoid(beta * (chosen - rejected)) - lamda * (logsigmoid(beta * own) + logsigmoid(beta * across))
    loss = loss - logsigmoid(beta * chosen) - logsigmoid((beta if beta_2 is None else beta_2) * other)
    loss = loss + MARGIN * (own - across) ** 2
    return PairLoss(loss, beta * chosen.detach(), beta * rejected.detach())
