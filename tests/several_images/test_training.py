"""Training on pairs about several images: TRL's golden values, a mixed run on three families, what is refused before it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_families
import torch

from alignment.aligners.contrast.mdpo import Mdpo
from alignment.aligners.contrast.symmpo import Symmpo
from alignment.aligners.dpo import Dpo
from alignment.batching.collate import score_rows
from alignment.batching.rows import make_rows
from alignment.data.pairs import read_trl
from harness.core.errors import TrainingError
from harness.core.preference import PreferencePair
from harness.models.transformers import TransformersModel
from tests.alignment.tiny import GOLDEN, TinyPolicy

EXPECTED = json.loads((GOLDEN / "expected.json").read_text())["cases"]["full"]
FAST = {"learning_rate": 1e-3, "epochs": 2, "batch_size": 2, "micro_batch": 2}


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_families.save("qwen2_5_vl", tmp_path_factory.mktemp("qwen"))


def test_the_golden_pair_with_two_images_scores_as_in_trl_from_its_file_on(tmp_path: Path) -> None:
    for name in ("policy", "processor"):
        shutil.copytree(GOLDEN / name, tmp_path, dirs_exist_ok=True)
    pairs = read_trl(GOLDEN / "pairs.jsonl")
    assert [len(pair.images) for pair in pairs] == [1, 2, 1, 1]
    model = TransformersModel(str(tmp_path), device="cpu")
    rows, _ = make_rows(model, pairs, GOLDEN)
    with torch.no_grad():
        found = score_rows(model, [rows[n] for n in range(len(rows))])
    for side, wanted in enumerate(("trl_policy_chosen_logps", "trl_policy_rejected_logps")):
        assert [float(row[side]) for row in found] == pytest.approx(EXPECTED[wanted], abs=1e-3)


@pytest.mark.parametrize("name", ["qwen2_5_vl", "llava_onevision", "internvl"])
def test_dpo_learns_from_none_one_and_several_images_in_one_batch(
    tmp_path: Path, mixed: list[PreferencePair], name: str
) -> None:
    model = TransformersModel(str(tiny_families.save(name, tmp_path / "model")), device="cpu")
    done = Dpo(training={**FAST, "epochs": 6}).align(model, mixed, Path("/"), tmp_path / "run")
    assert not done.dropped and done.log[0]["loss"] == pytest.approx(0.6931, abs=1e-3)
    assert done.log[-1]["loss"] < 0.6


def test_rows_over_the_length_count_all_images(qwen: Path, mixed: list[PreferencePair]) -> None:
    model = TransformersModel(str(qwen), device="cpu")
    pairs = mixed
    whole, _ = make_rows(model, pairs, Path("/"))
    lengths = [whole.length(n) for n in range(len(whole))]
    assert lengths[1] > lengths[0] and lengths[3] > lengths[1]
    _, dropped = make_rows(model, pairs, Path("/"), max_length=lengths[3] - 10)
    assert [d.id for d in dropped] == ["3"]


def test_a_damaged_image_stands_in_for_each_of_several(tmp_path: Path, qwen: Path, mixed: list[PreferencePair]) -> None:
    pairs = [pair for pair in mixed if pair.image]
    for damage in ("crop", "noise", "hidden"):
        model = TransformersModel(str(qwen), device="cpu")
        extras = Mdpo(damage=damage).objective.extras(pairs, Path("/"), tmp_path)
        rows, _ = make_rows(model, pairs, Path("/"), extras=extras)
        for n, pair in enumerate(pairs):
            own, other = rows[n].prompt, rows[n].others[0].prompt
            assert len(own.vision["image_grid_thw"]) == len(other.vision["image_grid_thw"]) == len(pair.images)
    crops = [Path(name) for name in Mdpo().objective.extras(pairs, Path("/"), tmp_path)[1].views[0].image]
    assert len({path.read_bytes() for path in crops}) == 2
    same = replace(pairs[1], image=(pairs[1].images[0],) * 2)
    twice = Mdpo().objective.extras([same], Path("/"), tmp_path)[0].views[0].image
    assert twice[0] != twice[1] and str(crops[0]) == twice[0]


@pytest.mark.parametrize("aligner", [Mdpo(damage="other"), Symmpo()])
def test_the_image_of_another_pair_stands_for_none_of_several(
    tmp_path: Path, mixed: list[PreferencePair], aligner: Mdpo
) -> None:
    pairs = [pair for pair in mixed if pair.image]
    with pytest.raises(TrainingError, match=r"2 of 4 pairs are about several images \(the first: '1'\)"):
        aligner.objective.extras(pairs, Path("/"), tmp_path)


def test_a_policy_that_takes_one_image_refuses_such_pairs_before_anything_is_prepared(
    tmp_path: Path, mixed: list[PreferencePair], llava_folder: Path
) -> None:
    with pytest.raises(TrainingError, match=r"2 of 5 rows are about several images \(the first: '1'\)"):
        Dpo(training=FAST).align(TinyPolicy(llava_folder), mixed, Path("/"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
