"""A training on images under noise is another one where the rule of the noise is another one."""

from __future__ import annotations

import math
import random
from pathlib import Path
from statistics import fmean

import pytest

from alignment.aligners.contrast.mdpo import Mdpo
from alignment.contrast.damage import cropped
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


class Canvas:
    """An image that keeps the box that is cut out of it."""

    width, height, size = 1200, 800, (1200, 800)

    def crop(self, box: tuple[int, int, int, int]) -> Canvas:
        self.box = box
        return self

    def resize(self, size: tuple[int, int], how: object) -> tuple[int, int, int, int]:
        assert size == self.size
        return self.box


def test_a_crop_has_a_uniform_share_of_the_area_and_sides_up_to_a_third_longer_than_each_other() -> None:
    boxes = [cropped(Canvas(), 0.05, 0.25, random.Random(seed)) for seed in range(400)]  # type: ignore[arg-type]
    sides = [(right - left, bottom - top) for left, top, right, bottom in boxes]  # type: ignore[misc]
    shares = [width * height / (1200 * 800) for width, height in sides]
    ratios = [math.log(width / height) for width, height in sides]
    assert 0.049 < min(shares) < 0.06 and 0.24 < max(shares) < 0.251 and abs(fmean(shares) - 0.15) < 0.01
    assert -0.293 < min(ratios) < -0.27 and 0.27 < max(ratios) < 0.293 and abs(fmean(ratios)) < 0.03  # log 4/3 is 0.288
    assert min(left for left, *_ in boxes) < 50 and max(bottom for *_, bottom in boxes) > 750  # type: ignore[misc]
