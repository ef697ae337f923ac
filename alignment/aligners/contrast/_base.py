"""What methods that contrast images have in common: every pair needs an image."""

from __future__ import annotations

from collections.abc import Sequence

from alignment.aligners._base import Aligner
from alignment.contrast.damage import require_images
from harness.core.preference import PreferencePair


class ContrastAligner(Aligner):
    """An aligner with an `ImageContrast` objective."""

    @classmethod
    def check_pairs(cls, pairs: Sequence[PreferencePair]) -> None:
        super().check_pairs(pairs)
        require_images(cls.__module__.rpartition(".")[2], pairs)  # a plug-in is named by its file
