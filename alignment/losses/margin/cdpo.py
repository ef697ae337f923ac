"""Conservative DPO: some labels are believed to be the wrong way round.

Mitchell 2023, "A note on DPO with noisy preferences", equation 3. What TRL < 1.0, LLaMA-Factory and OpenRLHF call
`sigmoid` with label smoothing; in TRL 1.x the smoothing of `sigmoid` does nothing.
"""

from alignment.batching.logps import PairLogps, PairLoss, rewards
from alignment.losses._flip import check_flip, smoothed
from alignment.losses._traits import traits
from harness.core import registry


@registry.loss
@traits(scores=True)
def cdpo(policy: PairLogps, reference: PairLogps, *, beta: float = 0.1, flip: float = 0.1) -> PairLoss:
    """-(1 - flip) log sigmoid(m) - flip log sigmoid(-m), with m = beta * margin; (B,).

    Args:
        beta: pull back to the reference, > 0.
        flip: share of pairs believed to be labelled the wrong way round, in [0, 0.5); 0 is `dpo`.
    """
    check_flip("cdpo", flip)
    chosen, rejected = rewards(policy, reference, beta)
    margin = chosen - rejected
    loss = smoothed(margin, flip)
    return PairLoss(loss, chosen.detach(), rejected.detach())
