"""What leaves the label audit: boxes with doubt as COCO, revisions with Croissant metadata, and the shipped revision."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import pytest

from benchmarks.choice.mmvp import CORRECTED, Mmvp
from harness.audit import croissant
from harness.audit.coco_boxes import coco_text
from harness.audit.label_files import is_revision
from harness.core.errors import DataError
from harness.core.evaluation import Item, LabelEdit
from harness.labels.cases import Box, Case, Vote
from harness.labels.votes import Ballots
from harness.storage.label_edits import apply
from harness.storage.label_revisions import Revision, loads, read, shipped

DOG, CAT = Box("dog", 1, 2, 30, 40), Box("cat", 5, 5, 10, 10, crowd=True)


def case(
    item: str, thing: str, label: str, suspicion: float, image: str = "a.jpg", boxes: tuple[Box, ...] = (DOG, CAT)
) -> Case:
    return Case("pope", item, "label", label, image, f"Is there a {thing} in the image?", suspicion, ("odd",), boxes=boxes)


CASES = [
    case("1", "dog", "yes", 0.9),
    case("2", "dog", "yes", 0.4),
    case("3", "sheep", "no", 0.7),
    case("4", "dog", "yes", 0.2, "gone.jpg"),
]


def exported(votes: tuple[Vote, ...] = ()) -> dict:
    text, _ = coco_text(CASES, Ballots(votes), lambda image: (64, 48) if image == "a.jpg" else None)
    return json.loads(text)


def test_a_coco_file_has_the_keys_of_the_format_and_every_box_once() -> None:
    made = exported()
    assert set(made) == {"info", "licenses", "images", "categories", "annotations"}
    assert [(c["id"], c["name"]) for c in made["categories"]] == [(1, "cat"), (2, "dog")]
    dog, cat = made["annotations"]
    assert (dog["bbox"], dog["area"], dog["iscrowd"], dog["image_id"], dog["category_id"]) == ([1, 2, 30, 40], 1200, 0, 1, 2)
    assert cat["iscrowd"] == 1 and {a["id"] for a in made["annotations"]} == {1, 2}
    assert (made["images"][0]["width"], made["images"][0]["height"]) == (64, 48)


def test_a_box_has_the_highest_doubt_about_its_object_and_none_where_no_case_is_about_it() -> None:
    dog, cat = exported()["annotations"]
    assert (dog["doubt"], dog["label"], dog["reasons"]) == (0.9, "yes", "odd") and cat["doubt"] is None


def test_a_doubtful_absent_object_stands_under_its_image() -> None:
    assert exported()["images"][0]["absent_in_doubt"] == [{"question": "Is there a sheep in the image?", "doubt": 0.7}]


def test_a_decided_label_is_told_with_its_box() -> None:
    made = exported((Vote(*CASES[0].key[:4], "wrong", "ann", "2026-01-01"),))
    assert made["annotations"][0]["judgement"] == "wrong"


def test_images_that_cannot_be_read_are_left_out_and_counted() -> None:
    text, unread = coco_text(CASES, Ballots(), lambda image: (64, 48) if image == "a.jpg" else None)
    assert unread == 1 and "gone.jpg" not in text


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('{"revision": "d", "format": 1}\n', True),
        ('{"revision": "d", "control": {"sample": ' + "9" * 5000 + "}}\n", True),  # no number that is read, so no JSON
        ('{"question_id": 1, "text": "Is there a dog?"}\n', False),
        ("question\n", False),
    ],
)
def test_a_damaged_revision_is_not_taken_for_a_question_file(text: str, known: bool) -> None:
    assert is_revision(text) == known


EDITS = (LabelEdit("pope", "1", "label", "yes", "flipped", "Ada", 'no, "a" dog', "2026-01-02T00:00:00+00:00"),)


def test_croissant_metadata_have_what_the_specification_asks_for() -> None:
    files = croissant.files(Revision("ours", "Ada, 2026", EDITS), "MIT", "https://example.org/ours")
    made = json.loads(files["croissant.json"])
    assert made["@type"] == "sc:Dataset" and made["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert {
        "@context",
        "name",
        "description",
        "license",
        "url",
        "creator",
        "datePublished",
        "distribution",
        "recordSet",
    } <= set(made)
    assert made["datePublished"] == "2026-01-02" and made["citeAs"] == "Ada, 2026"
    for part in made["distribution"]:
        assert sha256(files[part["contentUrl"]].encode()).hexdigest() == part["sha256"]
        assert {"@id", "@type", "name", "contentUrl", "encodingFormat", "sha256"} <= set(part)


@pytest.mark.parametrize("about", ["", "0123456789abcdef"])
def test_croissants_own_reader_gives_back_the_edits(tmp_path: Path, about: str) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="run by .ci/try_exports, in an environment of its own")
    edit = replace(EDITS[0], about=about)  # a column where an edit has it
    for name, text in croissant.files(Revision("ours", "Ada, 2026", (edit,)), "MIT", "https://example.org/ours").items():
        (tmp_path / name).write_text(text)
    data = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    assert not data.metadata.ctx.issues.errors
    (kind,) = data.metadata.record_sets
    (row,) = data.records(kind.id)
    given = {name.split("/")[-1]: value.decode() if isinstance(value, bytes) else value for name, value in row.items()}
    assert ("about" in given) == bool(about)
    assert {"about": "", **{name: str(value) for name, value in given.items()}} == asdict(edit)


def test_the_record_set_reads_every_edit_from_the_csv() -> None:
    files = croissant.files(Revision("ours", "Ada", EDITS))
    fields = json.loads(files["croissant.json"])["recordSet"][0]["field"]
    (row,) = csv.DictReader(io.StringIO(files["ours.csv"]))
    assert [f["source"]["extract"]["column"] for f in fields] == list(row) and LabelEdit(**row) == EDITS[0]
    assert loads(files["ours.jsonl"], "it").edits == EDITS
    assert "license" not in json.loads(files["croissant.json"])


def test_the_shipped_revision_of_mmvp_turns_its_four_labels_round() -> None:
    assert shipped() == ["mmvp-corrected"]
    revision, published = read("mmvp-corrected", Path("nowhere")), {"99": "A", "100": "B", "279": "A", "280": "B"}
    items = [Item(i, "1.jpg", "?", {"label": label, "options": {"A": "x", "B": "y"}}) for i, label in published.items()]
    applied = apply(Mmvp(), items, revision.of("mmvp"))
    assert not applied.conflicts and {i: item.truth["label"] for i, item in applied.changed.items() if item} == CORRECTED


def test_an_own_revision_of_that_name_comes_before_the_shipped_one(tmp_path: Path) -> None:
    from harness.storage.label_revisions import write

    write(Revision("mmvp-corrected", "ours", EDITS), tmp_path)
    assert read("mmvp-corrected", tmp_path).source == "ours"
    with pytest.raises(DataError, match="shipped: mmvp-corrected"):
        read("mmvp-correct", tmp_path)
