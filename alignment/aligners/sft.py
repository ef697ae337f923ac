"""Further supervised fine-tuning on the chosen answers: the control for every preference method.

Same pairs, same batches in the same order, same number of steps as `dpo`; only the rejected answers are not used. What
it gains, a preference method gains from good answers and not from preferences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        learning_rate: float = 1e-6,
        epochs: float = 1.0,
        max_steps: int | None = None,
        batch_size: int = 32,
        micro_batch: int = 8,
        warmup_ratio: float = 0.03,
        schedule: str = "cosine",
        weight_decay: float = 0.0,
        clip: float = 1.0,
        lora: Mapping[str, Any] | None = None,
        projector_learning_rate: float | None = None,
        freeze_vision: bool = True,
        max_length: int | None = None,
        gradient_checkpointing: bool = False,
        dtype: str = "as_loaded",
        early_stop: Mapping[str, Any] | None = None,  # {metric: rewards/accuracies, above: 0.95, steps: 10}
        save_every: int = 20,
        keep_states: int = 1,
        trackers: Sequence[str] = ("tensorboard",),  # and "wandb"; [] for none
        seed: int = 0,
    ) -> None:
        self.objective = Imitation()
        self.settings = make_settings({k: v for k, v in locals().items() if k != "self"})
