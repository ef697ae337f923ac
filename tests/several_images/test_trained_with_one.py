"""LLaVA-1.5 and 1.6 take several images in a prompt although most of their checkpoints were trained with one: runs say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny_families
from typer.testing import CliRunner

from benchmarks.judges.keywords import Keywords
from harness.cli import app
from harness.config import schema as config
from harness.config.annotators import load_annotators
from harness.core.preference import PreferencePair, noted_images
from harness.evaluation.doctor import examine
from harness.models._checkpoint.families import FAMILIES, note_ahead
from harness.models.transformers import TransformersModel
from harness.run import annotators, pipeline
from harness.run.checks.sources import check_sources
from harness.storage.data_folder import DataFolder
from tests.end_to_end.conftest import SMALL

ONE = PreferencePair("1", "a.png", "", "What?", "A cat.", ("A dog.",), "test")
TWO = PreferencePair("2", ("a.png", "b.png"), "", "Which?", "A cat.", ("A dog.",), "test")
NOTE = (
    "Some prompts show several images, and most checkpoints of the family llava_next were trained with one image per prompt: "
    "answers about several images may be poor (docs/models.md)."
)


LOST = "1 of 5 rows are left out: missing image 1 ('gone.png')."


class Noting:
    several_images_note = FAMILIES["llava_next"].several_images_note


def test_a_run_says_so_only_where_a_prompt_shows_several_images() -> None:
    assert noted_images(Noting(), [ONE, TWO]) == (NOTE,)
    assert noted_images(Noting(), [ONE]) == () == noted_images(object(), [TWO])


def test_the_table_in_the_documentation_names_the_same_families() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8").splitlines()
    told = {
        line.split("|")[1].strip() for line in lines if "checkpoints were trained with one" in line and line.startswith("|")
    }
    assert told == {"LLaVA-1.5", "LLaVA-1.6 (Vicuna, Mistral)"}
    assert {name for name, family in FAMILIES.items() if family.trained_with_one} == {"llava", "llava_next"}


def test_pixtral_in_llava_s_class_was_trained_with_several(tmp_path: Path) -> None:
    noted = {}
    for n, name in enumerate(("llava", "llava, Pixtral", "llava_next, Mistral")):
        model = TransformersModel(str(tiny_families.save(name, tmp_path / str(n))), device="cpu")
        noted[name] = bool(model.several_images_note)
    assert noted == {"llava": True, "llava, Pixtral": False, "llava_next, Mistral": True}


def test_doctor_says_it_beside_the_checkpoint(llava_folder: Path, tmp_path: Path) -> None:
    findings = {f.what: f for f in examine(lambda: TransformersModel(str(llava_folder), device="cpu"), tmp_path)}
    found = findings["several images in a prompt"]
    assert found.words == f"taken, but {FAMILIES['llava'].several_images_note}" and found.state == "ok"


@pytest.fixture
def study(whole_world: Path, tmp_path: Path) -> dict[str, Any]:
    """Two arms on four pairs, each about two images, and a row whose image is missing."""
    images = sorted(path.relative_to(whole_world / "miniworld") for path in (whole_world / "miniworld").rglob("*.png"))[:2]
    row = {"images": list(map(str, images)), "prompt": "Which?", "chosen": "A cat.", "rejected": ["A dog."]}
    rows = [row | {"prompt": f"Which? {n}"} for n in range(4)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, [*rows, row | {"images": ["gone.png"]}])))
    training = {"learning_rate": 3e-4, "batch_size": 4, "max_steps": 1}
    pairs = {"name": "jsonl", "file": str(tmp_path / "rows.jsonl")}
    arms = [{"name": name, "pairs": pairs, "align": {"name": "dpo", "training": training}} for name in "ab"]
    where = {"data": str(whole_world / "miniworld"), "output": str(tmp_path / "runs")}
    return SMALL | where | {"arms": arms, "sweep": [{"name": "pope", "limit_images": 1}]}


def test_a_run_warns_once_in_the_terminal_and_the_report_contains_it(study: dict[str, Any]) -> None:
    said: list[str] = []
    outcome = pipeline.run(config.parse(study), "test", say=said.append)
    assert outcome is not None
    place = said.index(f"WARNING: {NOTE}")
    assert sum(NOTE in line for line in said) == 1 and place < said.index("sweep of base"), "before hours of work"
    assert LOST in "\n".join(said)
    assert sum(line.endswith("pairs.jsonl; left out: missing image 1") and line.startswith("4 pairs") for line in said) == 2
    for name in ("report.md", "report.html"):
        assert (outcome.folder / name).read_text(encoding="utf-8").count("trained with one image per prompt") == 1, name


def test_a_dry_run_warns_once_too(study: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    result = CliRunner().invoke(app, ["run", str(tmp_path / "study.yaml"), "--dry-run"])
    assert result.exit_code == 0, result.output
    assert result.output.count(f"WARNING: {NOTE}") == 1 and result.output.index(NOTE) < result.output.index("sweep: pope")


class TakesSeveral:
    one_image = ""


def warned(study: dict[str, Any], judge: dict[str, Any]) -> tuple[str, ...]:
    arms = [arm | {"align": {"name": "online_dpo", "judge": judge}} for arm in study["arms"]]
    made = config.parse(study | {"arms": arms})
    return check_sources(made, lambda arm: False, DataFolder(Path(made.data)), TakesSeveral())


@pytest.mark.parametrize("kind", ["folder", "adapter"])
def test_a_judge_that_was_trained_with_one_image_is_warned_of_once_before_it_is_loaded(study, llava_folder, tmp_path, kind):
    path = llava_folder if kind == "folder" else tmp_path / "adapter"
    if kind == "adapter":
        path.mkdir()
        (path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(llava_folder)}))
    _, said = warned(study, {"name": "chat", "model": {"path": str(path)}})
    assert said == (
        f"Some prompts show several images, and the judge chat sees them with {path}: {FAMILIES['llava'].several_images_note}. "
        "Choose a judge whose family was trained with several, or leave these rows out."
    )


@pytest.mark.parametrize("model", [{"name": "scripted", "default": "1"}, {"path": "some/name-of-the-hub"}])
def test_nothing_is_said_of_a_judge_whose_family_is_not_known(study: dict[str, Any], model: dict[str, str]) -> None:
    (lost,) = warned(study, {"name": "chat", "model": model})
    assert lost.endswith(LOST)


def test_what_is_known_ahead_is_what_the_loaded_checkpoint_says(tmp_path: Path) -> None:
    for n, name in enumerate(("llava", "llava, Pixtral", "llava_next, Mistral", "qwen2_vl")):
        folder = tiny_families.save(name, tmp_path / str(n))
        assert note_ahead(str(folder)) == TransformersModel(str(folder), device="cpu").several_images_note, name
    (tmp_path / "config.json").write_text("[" * 100_000)
    assert note_ahead(str(tmp_path)) == "" == note_ahead("\0")


def test_annotators_that_see_several_images_are_warned_of_before_they_are_asked(
    study, llava_folder, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(annotators, "make_annotator", lambda *_: Keywords() if caplog.messages else pytest.fail("loaded"))
    monkeypatch.setattr(annotators, "_both_orders", lambda judge, pairs, *_: [(None, None)] * len(pairs))
    judges = {"old": {"name": "chat", "model": {"path": str(llava_folder)}}, "other": {"name": "annotations"}}
    tree = {"data": study["data"], "annotators": judges, "pairs": {"two": study["arms"][0]["pairs"]}}
    annotators.measure(load_annotators(tree), tmp_path / "out")
    (said,) = caplog.messages
    assert said.startswith("old: Some prompts show several images, and the judge chat sees them with ")
