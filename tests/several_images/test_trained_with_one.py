"""LLaVA-1.5 and 1.6 take several images in a prompt although most of their checkpoints were trained with one: runs say so."""

from __future__ import annotations

import json
from pathlib import Path

import tiny_families

from harness.config import schema as config
from harness.core.preference import PreferencePair, noted_images
from harness.evaluation.doctor import examine
from harness.models._checkpoint.families import FAMILIES
from harness.models.transformers import TransformersModel
from harness.run import pipeline
from tests.end_to_end.conftest import SMALL

ONE = PreferencePair("1", "a.png", "", "What?", "A cat.", ("A dog.",), "test")
TWO = PreferencePair("2", ("a.png", "b.png"), "", "Which?", "A cat.", ("A dog.",), "test")
NOTE = (
    "Some prompts show several images, and most checkpoints of the family llava_next were trained with one image per prompt: "
    "answers about several images may be poor (docs/models.md)."
)


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


def test_a_run_warns_once_in_the_terminal_and_the_report_contains_it(whole_world: Path, tmp_path: Path) -> None:
    images = sorted(path.relative_to(whole_world / "miniworld") for path in (whole_world / "miniworld").rglob("*.png"))[:2]
    row = {"images": list(map(str, images)), "prompt": "Which?", "chosen": "A cat.", "rejected": ["A dog."]}
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row | {"prompt": f"Which? {n}"}) for n in range(4)))
    training = {"learning_rate": 3e-4, "batch_size": 4, "max_steps": 1}
    pairs = {"name": "jsonl", "file": str(tmp_path / "rows.jsonl")}
    arms = [{"name": name, "pairs": pairs, "align": {"name": "dpo", "training": training}} for name in "ab"]
    where = {"data": str(whole_world / "miniworld"), "output": str(tmp_path / "runs")}
    said: list[str] = []
    tree = SMALL | where | {"arms": arms, "sweep": [{"name": "pope", "limit_images": 1}]}
    outcome = pipeline.run(config.parse(tree), "test", say=said.append)
    assert outcome is not None
    place = said.index(f"WARNING: {NOTE}")
    assert sum(NOTE in line for line in said) == 1 and place < said.index("sweep of base"), "before hours of work"
    for name in ("report.md", "report.html"):
        assert (outcome.folder / name).read_text(encoding="utf-8").count("trained with one image per prompt") == 1, name
