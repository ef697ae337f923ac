"""V-DPO: stored pairs, and each answer against itself behind an image of noise.

Xie et al. 2024, arXiv:2411.02712, as the authors' trainer computes it: `alignment/losses/_image/vdpo.py`. The damaged image is
a choice: see `alignment/contrast/damage.py`; the authors' is random noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignment.aligners.contrast._base import ContrastAligner
from alignment.contrast.damage import make_damage
from alignment.contrast.objective import ImageContrast
from alignment.losses._image.vdpo import vdpo
from alignment.settings import check_beta, make_settings
from harness.core import registry


@registry.aligner
class Vdpo(ContrastAligner):
    """Trains like `dpo`, with one more image a pair and both answers behind it. Every pair needs an image."""

    def __init__(
        self,
        beta: float = 0.1,  # pull back to the reference, > 0
        damage: str | Mapping[str, Any] | None = None,  # crop, hidden, noise or other; absent: {name: noise, steps: 1000}
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        made = make_damage("vdpo", {"name": "noise", "steps": 1000} if damage is None else damage)
        self.objective = ImageContrast("vdpo", vdpo, {"beta": check_beta(beta)}, made, seed, both=True)
        self.settings = make_settings(training, seed=seed)
