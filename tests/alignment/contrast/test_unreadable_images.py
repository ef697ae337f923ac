"""An image that cannot be read leaves its pair out, as with dpo, whatever else its pair is shown with."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from alignment.aligners.contrast.chip import Chip
from alignment.aligners.contrast.mdpo import Mdpo
from alignment.aligners.contrast.symmpo import Symmpo
from alignment.batching.rows import partner_images
from alignment.training.train import _extras
from harness.core.digests import model_digest
from harness.core.errors import TrainingError
from tests.alignment.tiny import TinyPolicy
from tests.alignment.training.test_train import FAST, make_pairs

ALIGNERS = {
    "mdpo": Mdpo,
    "mdpo other": lambda **o: Mdpo(damage="other", **o),
    "chip": lambda **o: Chip(damage="crop", **o),
    "symmpo": Symmpo,
}


@pytest.fixture
def folder(images: Path, tmp_path: Path) -> Path:
    """The images, and one that is cut off."""
    copy = tmp_path / "images"
    shutil.copytree(images, copy)
    (copy / "broken.png").write_bytes((images / "wide.png").read_bytes()[:60])
    return copy


@pytest.mark.parametrize("name", ALIGNERS)
def test_an_unreadable_image_leaves_its_pair_out_and_changes_nothing_else(llava_next, folder, tmp_path, name):
    fine = make_pairs()
    some = [*fine[:2], replace(fine[0], id="broken", image="broken.png"), *fine[2:]]
    made = ALIGNERS[name](training=FAST)
    one, two = (made.align(TinyPolicy(llava_next), pairs, folder, tmp_path / str(len(pairs))) for pairs in (fine, some))
    assert one.dropped == {} and two.dropped == {"unreadable image": 1}
    assert "1 of 7 pairs were left out of training: unreadable image 1 (ids in dropped.jsonl)." in two.notes
    assert model_digest(one.folder) == model_digest(two.folder)


@pytest.mark.parametrize("name", ALIGNERS)
def test_a_training_whose_images_are_all_unreadable_is_refused(llava_next, folder, tmp_path, name):
    pairs = [replace(pair, image="broken.png") for pair in make_pairs()]
    with pytest.raises(TrainingError, match=r"No preference pair is left to train on \(unreadable image: 6\)"):
        ALIGNERS[name](training=FAST).align(TinyPolicy(llava_next), pairs, folder, tmp_path / "a")


def test_what_partners_are_is_part_of_what_reference_values_are_kept_under(images, tmp_path):
    """The second pair of each kind may be left out later (too long): the rows are the same, the partners are not."""
    pairs = make_pairs()
    for made in (Mdpo(damage="other"), Symmpo()):
        first, second = (_extras(made.objective, some, images, tmp_path, {})[1] for some in (pairs, [pairs[0], *pairs[2:]]))
        assert first != second
    own = Mdpo().objective.extras(pairs, images, tmp_path)
    assert partner_images(pairs, own) == [] and None not in own
