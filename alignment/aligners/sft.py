"""Further supervised fine-tuning on the chosen answers: the control for every preference method.

Same pairs, same batches in the same order, same number of steps as `dpo`; only the rejected answers are not used. What
it gains, a preference method gains from good answers and not from preferences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignment.aligners._base import Aligner
from alignment.settings import make_settings
from alignment.training.objectives import Imitation
from harness.core import registry


@registry.aligner
class Sft(Aligner):
    """Makes the chosen answers more likely."""

    def __init__(
        self,
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        self.objective, self.settings = Imitation(), make_settings(training, seed=seed)
