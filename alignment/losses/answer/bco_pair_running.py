"""BCO with the reward shift: rewards count from the mean of all rewards so far.

Jung et al. 2024, arXiv:2404.04656, as in TRL < 1.0 and InternVL's MPO (`trainer_dpo.py`). One observation a step, the mean
reward of all its answers; the shift is the plain mean of the observations so far, the current one included. It is logged as
`bco/delta` beside the number of observations, from which the next step or a resumed training takes it up; steps without a pair
hand both on. (InternVL observes each micro-batch and forgets the mean when it
resumes.)
"""

from torch import cat
from torch.nn.functional import logsigmoid

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._traits import traits
from harness.core import registry

RUNNING = DELTA, SEEN = "bco/delta", "bco/observations"


@registry.loss
@traits(whole_step=True, running=True)
def bco_pair_running(
    policy: PairLogps, reference: PairLogps, *, beta: float = 0.1, _seen: int = 0, _mean: float = 0.0
) -> PairLoss:
    """-log s(w - delta) - log s(delta - l), with rewards w and l of a whole step; (B,).

    _seen, _mean: number and mean of the observations before this step. `figures` of the result has both after it.
    """
    chosen, rejected = rewards(policy, reference, beta)
    observed = float(cat([chosen, rejected]).detach().double().mean())
    delta = (_mean * _seen + observed) / (_seen + 1)
    loss = -logsigmoid(chosen - delta) - logsigmoid(delta - rejected)
    return PairLoss(loss, chosen.detach(), rejected.detach(), figures={DELTA: delta, SEEN: float(_seen + 1)})
