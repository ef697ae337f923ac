"""Direct preference optimisation on a fixed set of pairs: offline DPO and every loss of its family.

The study's settings (arXiv:2407.02477, appendix A): LoRA r 128 / alpha 256, beta 0.05-0.5, learning rate 1e-7 to 5e-6,
3-7 epochs, batches of 16-48. What it leaves open (schedule, warm-up, decay) follows POVID's scripts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignment.aligners._base import Aligner
from alignment.aligners._preference import averages, preference
from alignment.data.invalid_pairs import require_some, validate
from alignment.settings import make_settings
from harness.core import registry
from harness.core.errors import TrainingError
from harness.core.preference import PreferencePair


@registry.aligner
class Dpo(Aligner):
    """Trains on pairs with a loss of `alignment/losses`."""

    def __init__(
        self,
        loss: str | Sequence[Mapping[str, Any]] = "dpo",  # a loss, a mixture, or [{name, weight, its options}, ...]
        beta: float | None = None,  # > 0, of every loss that does not set its own; None: each loss's default
        loss_options: Mapping[str, Any] | None = None,  # of a single loss, e.g. {"flip": 0.1} for cdpo, robust and exo_pair
        sft_weight: float = 0.0,  # adds that much of the chosen answers' token-mean negative log-likelihood
        f_divergence_type: str = "reverse_kl",  # forward_kl, js_divergence, alpha_divergence
        f_alpha_divergence_coef: float = 0.5,  # alpha of alpha_divergence; 1 is reverse KL
        ld_alpha: float | None = None,  # weight of tokens beyond the shorter answer's length, 0 to 1 (LD-DPO)
        use_weighting: bool = False,  # weigh pairs by their likelihood under the policy (WPO)
        reference_sync: Mapping[str, Any] | None = None,  # {every: 512, mix: 0.6}: a reference that follows the policy (TR-DPO)
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in ("self", "training", "seed")}
        self.objective = preference(**given)
        self.settings = make_settings(training, seed=seed)

    @staticmethod
    def check_pairs(pairs: Sequence[PreferencePair], options: Mapping[str, Any]) -> None:
        kept, dropped = validate(pairs, lambda name: True)
        require_some(kept, dropped)
        Dpo.check_rejected([len(pair.rejected) for pair in kept], options)

    @staticmethod
    def check_rejected(numbers: Sequence[int], options: Mapping[str, Any]) -> None:
        """Raise TrainingError for avg_dpo where a pair has not two rejected answers."""
        other = [number for number in numbers if number != 2]
        if other and averages(options.get("loss", "dpo")):
            raise TrainingError(
                f"avg_dpo needs exactly two rejected answers in every pair, but {len(other):,} of {len(numbers):,} have "
                f"{other[0]}. Use the source union, which puts two sources together, or loss: dpo."
            )
