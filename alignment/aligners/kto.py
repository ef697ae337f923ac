"""KTO: learns from answers that are rated good or bad one by one, with or without a counterpart.

Ethayarajh et al. 2024, arXiv:2402.01306; TRL's KTOTrainer. Stored pairs count as one desirable and one or more undesirable
answers; the source `jsonl` with `form: rated` reads thumbs-up and thumbs-down files. The divergence estimate is the step's mean
over answers beside prompts that are not theirs. Where one kind of answer is rarer, weigh it up: TRL advises that
desirable_weight * desirable answers : undesirable_weight * undesirable ones lies between 1:1 and 4:3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignment.aligners._base import Aligner
from alignment.data.invalid_pairs import require_some, validate
from alignment.settings import check_beta, make_settings
from alignment.training.unpaired import LOSSES, Unpaired, require_both_kinds, require_two_prompts
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean
from harness.core.preference import PreferencePair


@registry.aligner
class Kto(Aligner):
    """Trains on rated answers."""

    def __init__(
        self,
        loss: str = "kto",  # or apo_zero_unpaired, which needs no divergence estimate
        beta: float = 0.1,  # pull back to the reference, > 0
        desirable_weight: float = 1.0,  # of the loss of good answers
        undesirable_weight: float = 1.0,  # of the loss of bad answers
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        if loss not in LOSSES:
            raise ConfigError(f"kto.loss is {loss!r}.{did_you_mean(loss, LOSSES)} Choose one of: {', '.join(LOSSES)}.")
        if not (desirable_weight > 0 and undesirable_weight > 0):
            raise ConfigError(f"kto's weights are {desirable_weight} and {undesirable_weight}; both must be above 0.")
        self.objective = Unpaired(loss, check_beta(beta), desirable_weight, undesirable_weight)
        self.settings = make_settings(training, seed=seed)

    @staticmethod
    def check_pairs(pairs: Sequence[PreferencePair], options: Mapping[str, Any]) -> None:
        kept, dropped = validate(pairs, lambda name: True, unpaired=True)
        require_some(kept, dropped)
        require_both_kinds(kept)
        require_two_prompts(kept, options.get("loss", "kto"))
