"""`fetch` knows the files of every published preference set and of the shipped example: names, origin, licence, target."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from harness.cli import app
from harness.core import registry

EXAMPLE = Path(__file__).parents[3] / "examples" / "llava-1.6-7b.yaml"
SOURCES = ["bdhs", "random_edit", "povid_noise", "povid", "rlhf_v", "rlaif_v", "vlfeedback", "llava_rlhf", "ha_dpo"]
SOURCES += ["mmpr", "mm_rlhf", "spa_vl", "sentinel", "hsa_dpo", "rlaif_v_formatted", "sentences"]


def fetched(folder: Path, *names: str) -> str:
    done = CliRunner().invoke(app, ["fetch", *names, "--data", str(folder), "--offline"])
    assert done.exit_code == 1
    return done.output


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_names_its_files_with_origin_licence_and_how(name: str, tmp_path: Path) -> None:
    files = registry.get("source", name).files
    assert files and all(file.name and file.origin and file.licence and file.how for file in files)
    default = getattr(registry.get("source", name), "default_file", "")
    assert any(file.name.startswith(default) for file in files)
    assert f"missing {name}: {files[0].name}" in fetched(tmp_path, name)


def test_fetch_lists_all_that_the_example_needs(tmp_path: Path) -> None:
    study = yaml.safe_load(EXAMPLE.read_text())
    told = fetched(tmp_path)
    pairs = study["arms"][0]["pairs"]
    assert f": {pairs['prompts']} (" in told and f": {pairs['image_folder']} (" in told
    for name in (
        "coco/annotations/instances_val2014.json",
        "coco/val2014",
        "pope/coco_pope_random.json",
        "mmhal/mmhal_bench.json",
    ):
        assert f": {name} (" in told


def test_popes_other_flavours_are_listed(tmp_path: Path) -> None:
    told = fetched(tmp_path, "pope")
    assert all(f"pope/{flavour}_pope_{split}.json" in told for flavour in ("aokvqa", "gqa") for split in ("random", "popular"))


def test_a_name_that_nobody_confirmed_is_marked(tmp_path: Path) -> None:
    assert "this name is unconfirmed" in fetched(tmp_path, "povid") and "unconfirmed" not in fetched(tmp_path, "llava_rlhf")
