"""A training on images under noise is another one where the rule of the noise is another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignment.aligners.contrast.mdpo import Mdpo
from harness.core.errors import TrainingError
from harness.models._checkpoint.image_noise import ONE_DRAW
from harness.models.transformers import TransformersModel
from tests.alignment.training.test_train import FAST, make_pairs


@pytest.mark.parametrize("damage", ["noise", "crop"])
def test_a_training_goes_on_under_its_own_rule_of_noise_alone(
    llava_next: Path, images: Path, tmp_path: Path, damage: str
) -> None:
    def align(rule: str) -> None:
        policy = TransformersModel(str(llava_next), device="cpu")
        policy.noise_rule = rule
        Mdpo(damage=damage, training={**FAST, "max_steps": 1}).align(
            policy, make_pairs(), images, tmp_path / "folder", cache=tmp_path / "cache"
        )

    align("")
    kept = len(list((tmp_path / "cache" / "reference").iterdir()))
    if damage == "crop":
        align(ONE_DRAW)
        return
    with pytest.raises(TrainingError, match="other settings"):
        align(ONE_DRAW)
    (tmp_path / "folder").rename(tmp_path / "before")
    align(ONE_DRAW)
    assert len(list((tmp_path / "cache" / "reference").iterdir())) == kept + 1
    assert ONE_DRAW in (tmp_path / "folder" / "checkpoint" / "alignment.json").read_text()
