"""Online DPO: two answers of the policy as it is, ranked by an annotator, in every step.

arXiv:2407.02477, section 2.3. It is mixed DPO with p = 0: of the stored pairs only the prompts are used, with two exceptions
that are counted. `ties: stored` trains on the stored pair of a tie ("online/stored" is their share). Where no fresh pair of a
step can be used (ties, empty or unjudged answers), that step learns from the stored pairs of all its prompts: "online/fallback"
is 1 in its log row, and the report says in how many steps. An arm with many such steps is no online arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignment.aligners.mixed_dpo import MixedDpo
from harness.core import registry
from harness.core.plugins import Annotator


@registry.aligner
class OnlineDpo(MixedDpo):
    """Trains like `dpo` on pairs that `judge` ranks, on stored pairs only where a step has no fresh one (see the module)."""

    name = "online_dpo"

    def __init__(
        self,
        judge: Annotator,
        dpo: Mapping[str, Any] | None = None,  # {loss, beta, loss_options, sft_weight}, as of the aligner `dpo`
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        sampling: Mapping[str, Any] | None = None,  # {temperature, top_p, max_new_tokens}
        ties: str = "drop",  # drop (a step of ties alone takes its stored pairs), stored (train on the stored pair), first
        candidates: int = 2,  # answers a prompt, at least 2; of more, each is compared with each: the best against the worst
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        super().__init__(judge, 0.0, dpo, training, sampling, ties, candidates, seed)
