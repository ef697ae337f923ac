"""CHiP: answers and images contrasted in one sigmoid, with the divergence from the reference and weights of differing tokens.

Fu et al. 2025, arXiv:2501.16629, as the authors' code computes it (`alignment/losses/_image/chip.py`,
`alignment/contrast/token_terms.py`), with the settings of its LLaVA script. Departure: where tokens are weighted, the
reference's values behind the damaged image are weighted like the others; the official code takes their plain sum times the
total weight. The damaged image is a choice: see `alignment/contrast/damage.py`; the authors' is noise of 500 diffusion steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignment.aligners.contrast._base import ContrastAligner
from alignment.contrast.damage import make_damage
from alignment.contrast.objective import ImageContrast
from alignment.contrast.token_terms import TokenTerms
from alignment.losses._image.chip import chip
from alignment.settings import check_beta, make_settings
from harness.core import registry
from harness.core.errors import ConfigError


@registry.aligner
class Chip(ContrastAligner):
    """Trains like `dpo`, with one more image a pair. Every pair needs an image."""

    def __init__(
        self,
        beta: float = 0.1,  # pull back to the reference, > 0
        tok_beta: float = 0.1,  # weight of the divergence of answers' tokens; 0 leaves it out (it keeps the reference's states)
        token_weight: float = 4.0,  # of tokens that differ between the two answers; 1 weighs none (2 in its Muffin script)
        damage: str | Mapping[str, Any] = "noise",  # crop, hidden, noise or other; {name: noise, steps: 500}
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        if tok_beta < 0 or not token_weight > 0:
            raise ConfigError(f"chip needs tok_beta of at least 0 and token_weight above 0; got {tok_beta} and {token_weight}.")
        options = {"beta": check_beta(beta), "tok_beta": tok_beta}
        tokens = TokenTerms(tok_beta, token_weight) if tok_beta or token_weight != 1 else None
        self.objective = ImageContrast("chip", chip, options, make_damage("chip", damage), seed, tokens=tokens)
        self.settings = make_settings(training, seed=seed)
