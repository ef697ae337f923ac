"""Online DPO: two answers of the policy as it is, ranked by an annotator, in every step.

Where no fresh pair of a step can be used (ties, empty answers), that step learns from its stored pairs: "online/fallback" is 1
in its log row, and the report says in how many steps. Stored answers are not used otherwise.

arXiv:2407.02477, section 2.3. It is mixed DPO with p = 0: the stored pair is never used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignment.aligners.mixed_dpo import MixedDpo
from harness.core import registry
from harness.core.plugins import Annotator


@registry.aligner
class OnlineDpo(MixedDpo):
    """Trains like `dpo` on pairs that `judge` ranks; of the stored pairs it takes the prompts."""

    name = "online_dpo"

    def __init__(
        self,
        judge: Annotator,
        dpo: Mapping[str, Any] | None = None,  # {loss, beta, loss_options, sft_weight}, as of the aligner `dpo`
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        sampling: Mapping[str, Any] | None = None,  # {temperature, top_p, max_new_tokens}
        ties: str = "drop",  # drop, stored (train on the stored pair) or first
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        super().__init__(judge, 0.0, dpo, training, sampling, ties, seed)
