"""CHiP's response and image terms: answers and images contrasted in one sigmoid.

Fu et al. 2025, arXiv:2501.16629, as the authors' code computes it. Departure: the token term (divergence from the reference
over the whole vocabulary at every position) and the token weights are left out; `alignment/losses/_image/chip.py` has the
formula with it, checked against the official code. The damaged image is a choice: see `alignment/contrast/damage.py`; the
authors' is noise of 500 diffusion steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignment.aligners._base import Aligner
from alignment.contrast.damage import make_damage
from alignment.contrast.objective import ImageContrast
from alignment.losses._image.chip import chip
from alignment.settings import check_beta, make_settings
from harness.core import registry


@registry.aligner
class Chip(Aligner):
    """Trains like `dpo`, with one more image a pair. Every pair needs an image."""

    def __init__(
        self,
        beta: float = 0.1,  # pull back to the reference, > 0
        damage: str | Mapping[str, Any] = "noise",  # crop, hidden, noise or other; {name: noise, steps: 500}
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        options = {"beta": check_beta(beta)}
        self.objective = ImageContrast("chip", chip, options, make_damage("chip", damage), seed)
        self.settings = make_settings(training, seed=seed)
