"""DiscoPOP: a blend of the logistic and the exponential loss that a language model discovered.

Lu et al. 2024, arXiv:2406.08414 (log-ratio modulated loss). TRL: `discopop`, with `discopop_tau` as tau.
"""

from torch.nn.functional import logsigmoid

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._traits import traits
from harness.core import registry
from harness.core.errors import ConfigError


@registry.loss
@traits(scores=True)
def discopop(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1, tau: float = 0.05) -> PairLoss:
    """(1 - g) (-log sigmoid(m)) + g exp(-m), with m = beta * margin and g = sigmoid(m / tau); (B,).

    tau: temperature of the switch between the two, > 0. g exp(-m) is computed as one exponential, so that it does not overflow
    for pairs far on the wrong side. Where policy equals reference every loss is (log 2 + 1) / 2.

    Raises ConfigError for a tau that is not above 0.
    """
    if not tau > 0:
        raise ConfigError(f"discopop: tau is {tau}; it is a temperature, above 0 (0.05 is usual).")
    chosen, rejected = rewards(policy, reference, beta)
    margin = chosen - rejected
    logistic = -logsigmoid(margin)
    loss = (1 - (margin / tau).sigmoid()) * logistic + (logsigmoid(margin / tau) - margin).exp()
    return PairLoss(loss, chosen.detach(), rejected.detach())
