"""Direct preference optimisation on a fixed set of pairs: offline DPO and every loss of its family.

The study's settings (arXiv:2407.02477, appendix A): LoRA r 128 / alpha 256, beta 0.05-0.5, learning rate 1e-7 to 5e-6,
3-7 epochs, batches of 16-48. What it leaves open (schedule, warm-up, decay) follows POVID's scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
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
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        self.objective = preference(loss, beta, loss_options, sft_weight)
        self.settings = make_settings(training, seed=seed)


def preference(
    loss: str = "dpo", beta: float = 0.1, loss_options: Mapping[str, Any] | None = None, sft_weight: float = 0.0
) -> Preference:
    """The objective: a loss by name with its options, plus `sft_weight` times the chosen answers' token-mean negative
    log-likelihood. Raises ConfigError for an unknown loss or option, a beta that is not positive, a negative weight."""
    more = registry.check_options("loss", loss, registry.get("loss", loss), loss_options or {})
    if sft_weight < 0:
        raise ConfigError(f"sft_weight is {sft_weight}; it cannot be negative.")
    return Preference(registry.get("loss", loss), loss, check_beta(beta), more, sft_weight)


def preference_of(aligner: str, options: Mapping[str, Any] | None) -> Preference:
    """The same for the option `dpo` of an aligner that makes its pairs while it trains."""
    return preference(**registry.check_options("option", f"{aligner}.dpo", preference, options or {}))
