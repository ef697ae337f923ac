"""What methods that contrast images have in common: every pair needs an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignment.aligners._base import Aligner
from alignment.contrast.damage import require_images, require_one_image
from harness.core.preference import PreferencePair


class ContrastAligner(Aligner):
    """An aligner with an `ImageContrast` objective."""

    takes_other_images = False  # those of other pairs, whatever the options are

    @classmethod
    def check_pairs(cls, pairs: Sequence[PreferencePair], options: Mapping[str, Any]) -> None:
        super().check_pairs(pairs, options)
        name, damage = cls.__module__.rpartition(".")[2], options.get("damage")  # a plug-in is named by its file
        require_images(name, pairs)
        if cls.takes_other_images or (damage.get("name") if isinstance(damage, Mapping) else damage) == "other":
            require_one_image(name, pairs)
