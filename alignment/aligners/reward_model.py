"""A Bradley-Terry reward model on preference pairs, with pairs held out to measure it on.

arXiv:2407.02477, section 5.5 and appendix A: learning rate 2e-5, constant with warm-up 0.03, batches of 32. It is listed under
`reward_models` of a study, and `grpo`, `rloo` and `ppo` name it as their `reward`; its accuracy on its own and on the others'
held-out pairs is the study's table 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignment.aligners._base import Aligner
from alignment.online.reward_model import BradleyTerry, held_out
from alignment.settings import make_settings
from harness.core import registry
from harness.core.errors import ConfigError, TrainingError
from harness.core.preference import PreferencePair

_USUAL = {"learning_rate": 2e-5, "schedule": "constant", "warmup_ratio": 0.03}


@registry.aligner
class RewardModel(Aligner):
    """Learns which of two answers people prefer."""

    def __init__(
        self,
        held_out: float = 0.1,  # share of the pairs that is not trained on, by image
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        if not 0 <= held_out < 1:
            raise ConfigError(f"reward_model.held_out is {held_out}; it is a share of the pairs, 0 to below 1.")
        self.share, self.seed, self.objective = held_out, seed, BradleyTerry()
        self.settings = make_settings({**_USUAL, **(training or {})}, seed=seed)

    def trained_on(self, pairs: Sequence[PreferencePair]) -> Sequence[PreferencePair]:
        """Raises TrainingError where all pairs are held out."""
        trained = held_out(pairs, self.share, self.seed)[0]
        if pairs and not trained:
            raise TrainingError(
                f"All {len(pairs):,} pairs are held out to measure the reward model on (held_out {self.share:g}, by image): "
                "none is left to train on. Lower held_out, or give pairs about more images."
            )
        return trained

    def trained_of(self, n_pairs: int) -> int:
        return max(1, round(n_pairs * (1 - self.share)))

    def tested_on(self, pairs: Sequence[PreferencePair]) -> list[PreferencePair]:
        """The pairs that were held out."""
        return held_out(pairs, self.share, self.seed)[1]
