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


@pytest.mark.parametrize(("damage", "steps"), [({"name": "noise", "steps": 700}, 700), ("noise", 500)])
def test_the_image_under_noise_is_the_pair_s_own_with_a_draw_for_each_pair(images: Path, tmp_path: Path, damage, steps) -> None:
    pairs, made = make_pairs(), Mdpo(damage=damage, seed=3)
    views = [one.views[0] for one in made.objective.extras(pairs, images, tmp_path) if one is not None]
    assert [view.noise.steps for view in views if view.noise is not None] == [steps] * len(pairs)
    assert len({view.noise.seed for view in views if view.noise is not None}) == len(pairs)
    assert [(view.image, view.answers) for view in views] == [(pair.image, (pair.chosen,)) for pair in pairs]
    assert views != [one.views[0] for one in Mdpo(damage=damage).objective.extras(pairs, images, tmp_path) if one is not None]


def test_the_hidden_image_is_the_pair_s_own_with_the_share_that_is_asked_for(images: Path, tmp_path: Path) -> None:
    pairs, made = make_pairs(), Mdpo(damage={"name": "hidden", "share": 0.5})
    views = [one.views[0] for one in made.objective.extras(pairs, images, tmp_path) if one is not None]
    assert [view.hidden.share for view in views if view.hidden is not None] == [0.5] * len(pairs)
    assert len({view.hidden.seed for view in views if view.hidden is not None}) == len(pairs)
