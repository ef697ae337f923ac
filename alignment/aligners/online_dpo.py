"""Online DPO: two answers of the policy as it is, ranked by an annotator, in every step.

arXiv:2407.02477, section 2.3. It is mixed DPO with p = 0: of the stored pairs only the prompts are used, and of their answers
none, unless `ties: stored` asks for the stored pair of a tie ("online/stored" is the share of the prompts that took it).
A prompt whose fresh pair cannot be used (a tie, an empty or an unjudged answer) is left out of its step; a step without any
usable pair is skipped, and the report gives their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignment.aligners.mixed_dpo import MixedDpo
from harness.core import registry
from harness.core.plugins import Annotator
from harness.core.preference import PreferencePair


@registry.aligner
class OnlineDpo(MixedDpo):
    """Trains like `dpo` on pairs of fresh answers that `judge` ranks."""

    name = "online_dpo"

    def __init__(
        self,
        judge: Annotator,
        dpo: Mapping[str, Any] | None = None,  # {loss, beta, loss_options, sft_weight}, as of the aligner `dpo`
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        sampling: Mapping[str, Any] | None = None,  # {temperature, top_p, max_new_tokens}
        ties: str = "drop",  # or "stored" (train on the stored pair), "first" (as TRL: the first counts as better)
        candidates: int = 2,  # answers a prompt, at least 2; of more, each is compared with each: the best against the worst
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        super().__init__(judge, 0.0, dpo, training, sampling, ties, candidates, seed)

    @staticmethod
    def notes_on(pairs: Sequence[PreferencePair]) -> tuple[str, ...]:
        """Nothing: of the stored pairs only the prompts are used."""
        return ()
