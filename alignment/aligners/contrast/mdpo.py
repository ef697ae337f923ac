"""mDPO: stored pairs, and the chosen answer against itself behind a damaged image, with an anchor that keeps it likely.

Wang et al. 2024, arXiv:2406.11839. Plain DPO can learn its pairs without looking at the image; the conditional term cannot. The
damaged image is a choice: see `alignment/contrast/damage.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignment.aligners.contrast._base import ContrastAligner
from alignment.contrast.damage import make_damage
from alignment.contrast.objective import ImageContrast
from alignment.losses._image.mdpo import mdpo
from alignment.settings import check_beta, make_settings
from harness.core import registry
from harness.core.errors import ConfigError


@registry.aligner
class Mdpo(ContrastAligner):
    """Trains like `dpo`, with one more image a pair. Every pair needs an image."""

    def __init__(
        self,
        beta: float = 0.1,  # pull back to the reference, > 0
        conditional_weight: float = 1.0,  # of the term that contrasts the images
        anchor_weight: float = 1.0,  # of the term that keeps the chosen answer likely
        damage: str | Mapping[str, Any] = "crop",  # crop, hidden, noise or other; {name: crop, least: 0.01, most: 0.2}
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        if conditional_weight < 0 or anchor_weight < 0:
            raise ConfigError("mdpo's conditional_weight and anchor_weight cannot be negative.")
        if conditional_weight == anchor_weight == 0:
            raise ConfigError("mdpo with both weights 0 is plain dpo beside an image that has no effect; use the aligner dpo.")
        weights = {"conditional_weight": conditional_weight, "anchor_weight": anchor_weight}
        options = {"beta": check_beta(beta), **weights}
        self.objective = ImageContrast("mdpo", mdpo, options, make_damage("mdpo", damage), seed)
        self.settings = make_settings(training, seed=seed)
