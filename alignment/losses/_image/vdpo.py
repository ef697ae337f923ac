"""V-DPO: the better answer must be likelier with the image than without what it shows, the worse one less likely.

Xie et al. 2024, arXiv:2411.02712; the three terms of `train_step` in the trainer of YuxiXie/V-DPO (commit 69e212c), where an
image of random noise stands for "no image". There is no golden file of it; the values of the tests are worked out by hand.
"""

from torch.nn.functional import logsigmoid

from alignment.batching.logps import ImageLogps, PairLoss
from harness.core.errors import TrainingError


def vdpo(policy: ImageLogps, reference: ImageLogps, *, beta: float = 0.1) -> PairLoss:
    """-[log s(beta (r_w - r_l)) + log s(beta (r_w - c_w)) + log s(beta (c_l - r_l))] / 3, one loss a pair, (B,); s the sigmoid.

    Args:
        policy, reference: log-probabilities of the same pairs; r are their differences, c those behind the damaged image.
        beta: pull back to the reference, > 0 (`scale_coeff` there, 0.01 by default).

    Where policy equals reference every loss is log 2. Raises TrainingError where the rejected answers were not scored behind
    the damaged image.
    """
    if policy.rejected_elsewhere is None or reference.rejected_elsewhere is None:
        raise TrainingError("vdpo needs the rejected answers behind the damaged image too.")
    chosen, rejected = beta * (policy.chosen - reference.chosen), beta * (policy.rejected - reference.rejected)
    chosen_elsewhere = beta * (policy.chosen_elsewhere - reference.chosen_elsewhere)
    rejected_elsewhere = beta * (policy.rejected_elsewhere - reference.rejected_elsewhere)
    loss = logsigmoid(chosen - rejected) + logsigmoid(chosen - chosen_elsewhere) + logsigmoid(rejected_elsewhere - rejected)
    return PairLoss(-loss / 3, chosen.detach(), rejected.detach())
