"""Direct preference optimisation on a fixed set of pairs: offline DPO and every loss of its family.

The study's settings (arXiv:2407.02477, appendix A): LoRA r 128 / alpha 256, beta 0.05-0.5, learning rate 1e-7 to 5e-6,
3-7 epochs, batches of 16-48. What it leaves open (schedule, warm-up, decay) follows POVID's scripts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignment.aligners._base import Aligner
from alignment.settings import check_beta, make_settings
from alignment.training.objectives import Preference
from harness.core import registry
from harness.core.errors import ConfigError


@registry.aligner
class Dpo(Aligner):
    """Trains on pairs with a loss of `alignment/losses`."""

    def __init__(
        self,
        loss: str = "dpo",  # name of a loss, see `list`
        beta: float = 0.1,  # pull back to the reference, > 0
        loss_options: Mapping[str, Any] | None = None,  # {"flip": 0.1} for cdpo and robust, {"gamma": 0.5} for avg_dpo
        sft_weight: float = 0.0,  # adds that much of the chosen answers' token-mean negative log-likelihood
        learning_rate: float = 1e-6,
        epochs: float = 1.0,
        max_steps: int | None = None,
        batch_size: int = 32,
        micro_batch: int = 8,
        warmup_ratio: float = 0.03,
        schedule: str = "cosine",
        weight_decay: float = 0.0,
        clip: float = 1.0,
        lora: Mapping[str, Any] | None = None,  # {r, alpha, dropout, targets}; None trains full weights
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
        options = {k: v for k, v in locals().items() if k not in ("self", "loss", "beta", "loss_options", "sft_weight")}
        self.settings = make_settings(options)
        more = registry.check_options("loss", loss, registry.get("loss", loss), loss_options or {})
        if sft_weight < 0:
            raise ConfigError(f"sft_weight is {sft_weight}; it cannot be negative.")
        self.objective = Preference(registry.get("loss", loss), loss, check_beta(beta), more, sft_weight)
