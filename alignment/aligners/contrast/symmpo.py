"""SymMPO: two images and the answers that are right for each, preferred both ways round.

Liu et al. 2025, arXiv:2506.11712. The other image of a pair is that of the next pair with another image, one that asks the same
question where there is one; its chosen answer is the answer that is right for it. Where no other pair asks the same question,
that is an answer to another question: such pairs are counted before a run and in its report. (The authors build their data so
that the two images are alike; a source of such pairs puts alike images side by side under one question.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignment.aligners.contrast._base import ContrastAligner
from alignment.contrast.damage import without_partner
from alignment.contrast.objective import ImageContrast
from alignment.losses._image.symmpo import symmpo
from alignment.settings import check_beta, make_settings
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.preference import PreferencePair


@registry.aligner
class Symmpo(ContrastAligner):
    """Trains like `dpo`, with the image of another pair beside each. Every pair needs an image."""

    takes_other_images = True

    def __init__(
        self,
        beta: float = 0.1,  # pull back to the reference, > 0
        beta_2: float | None = None,  # of the other answer's anchor; as beta where absent
        lamda: float = 0.5,  # weight of the symmetric term (named as in the official code)
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        if lamda < 0:
            raise ConfigError(f"symmpo.lamda is {lamda}; it cannot be negative.")
        options = {"beta": check_beta(beta), "beta_2": check_beta(beta if beta_2 is None else beta_2), "lamda": lamda}
        self.objective = ImageContrast("symmpo", symmpo, options, None, seed)
        self.settings = make_settings(training, seed=seed)

    @staticmethod
    def notes_on(pairs: Sequence[PreferencePair]) -> tuple[str, ...]:
        """How many pairs have no other one that asks the same question."""
        if not (alone := without_partner(pairs)):
            return ()
        return (
            f"symmpo: the question of {alone:,} of {len(pairs):,} pairs is asked about no other image. The second image of "
            "these pairs is that of another question, whose answer is trained as the right one there. Give pairs that "
            "ask the same about several images, or use mdpo.",
        )
