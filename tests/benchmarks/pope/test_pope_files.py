"""Revised POPE files become edits of labels and the same files again; ids are matched by id."""

from __future__ import annotations

import json
import random

import pytest

from benchmarks.pope import SPLITS, Pope, build_questions
from harness.core.errors import DataError
from harness.core.evaluation import LabelEdit
from harness.labels.claims import LabelFiles
from harness.storage.data_folder import DataFolder
from harness.storage.label_edits import apply
from harness.storage.label_revisions import Revision, dumps, loads
from tests.benchmarks.scoring import put

REPOPE = LabelEdit("pope", "", "", "", "", "RePOPE", "", "2026-01-01")
KINDS = ["dog", "cat", "car", "cup", "bowl", "person", "chair", "bench", "kite", "book", "boat", "bird"]


@pytest.fixture
def published(folder: DataFolder) -> DataFolder:
    """Three splits over thirty images, built as the official ones are."""
    rng = random.Random(0)
    images = [(f"COCO_val2014_{n:012d}.jpg", rng.sample(KINDS, 4)) for n in range(30)]
    for split in SPLITS:
        put(folder, f"pope/coco_pope_{split}.json", build_questions(images, split, 0))
    return folder


def rows(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def revised(data: DataFolder, seed: int = 1) -> dict[str, str]:
    """RePOPE-like files: a tenth of the rows is gone, a tenth has the other label; the order is another."""
    rng = random.Random(seed)
    texts = {}
    for split in SPLITS:
        kept = [row for row in rows(data.read_text(f"pope/coco_pope_{split}.json")) if rng.random() > 0.1]
        for row in kept:
            row["label"] = {"yes": "no", "no": "yes"}[str(row["label"])] if rng.random() < 0.1 else row["label"]
        texts[f"annotations/coco_repope_{split}.json"] = "".join(json.dumps(row) + "\n" for row in kept)
    return texts


def test_imported_as_a_revision_and_exported_again_the_files_are_equal(published: DataFolder) -> None:
    texts = revised(published)
    revision = Revision("repope", "test", tuple(Pope().import_labels(published, texts, REPOPE)))
    kept = loads(dumps(revision), "here")
    exported = Pope().export_labels(published, kept.edits, "repope")
    assert {name.rsplit("/", 1)[-1]: text for name, text in exported.items()} == {
        name.rsplit("/", 1)[-1]: text for name, text in texts.items()
    }
    assert {edit.new for edit in kept.edits} == {"right", "flipped", "removed"}


def test_rows_are_matched_by_their_id_not_by_their_place(published: DataFolder) -> None:
    texts = revised(published)
    shuffled = {
        name: "\n".join(random.Random(5).sample(text.splitlines(), len(text.splitlines()))) for name, text in texts.items()
    }
    assert Pope().import_labels(published, shuffled, REPOPE) == Pope().import_labels(published, texts, REPOPE)


def test_the_edits_make_the_same_items_as_the_option_labels(published: DataFolder) -> None:
    texts = revised(published)
    for name, text in texts.items():
        put(published, f"pope/{name.rsplit('/', 1)[-1]}", text)
    pope = Pope()
    items = pope.load(published)
    applied = apply(pope, items, pope.import_labels(published, texts, REPOPE))
    now = {i.id: changed for i in items if (changed := applied.changed.get(i.id, i)) is not None}
    wanted = {item.id: item for item in Pope(labels="repope").load(published)}
    assert not applied.conflicts and now.keys() == wanted.keys()
    assert {i: now[i].truth for i in now} == {i: wanted[i].truth for i in wanted}


def test_one_split_alone_revises_that_split_only(published: DataFolder) -> None:
    texts = {name: text for name, text in revised(published).items() if "popular" in name}
    edits = Pope().import_labels(published, texts, REPOPE)
    assert {edit.field for edit in edits} == {"label/popular", "label"}  # some questions are asked in that split only
    exported = Pope().export_labels(published, edits, "mine")
    assert exported["pope/coco_mine_random.json"] == published.read_text("pope/coco_pope_random.json")


def test_a_split_is_revised_and_exported_where_another_ones_file_is_not_there(published: DataFolder) -> None:
    texts = {name: text for name, text in revised(published).items() if "random" in name}
    (published.folder / "pope/coco_pope_adversarial.json").unlink()
    edits = Pope().import_labels(published, texts, REPOPE)
    assert {edit.field for edit in edits} == {"label/random"}  # a question may be one of the split that is not here
    exported = Pope().export_labels(published, edits, "mine")
    assert exported.keys() == {"pope/coco_mine_random.json", "pope/coco_mine_popular.json"}
    assert exported["pope/coco_mine_random.json"] == "".join(
        f"{line}\n"
        for line in sorted(next(iter(texts.values())).splitlines(), key=lambda line: json.loads(line)["question_id"])
    )


def test_two_files_of_one_split_are_refused(published: DataFolder) -> None:
    """The rows that the last one lacks would be removed."""
    (text,) = (text for name, text in revised(published).items() if "random" in name)
    lines = text.splitlines(keepends=True)
    halves = {"one/coco_x_random.json": "".join(lines[:9]), "two/coco_x_random.json": "".join(lines[9:])}
    with pytest.raises(DataError, match=r"one/coco_x_random\.json and two/coco_x_random\.json are both of the split random"):
        Pope().import_labels(published, halves, REPOPE)


def test_two_rows_of_one_split_that_fare_differently_are_edited_one_by_one(folder: DataFolder) -> None:
    row = {"image": "a.jpg", "text": "Is there a dog in the image?", "label": "no"}
    put(folder, "pope/coco_pope_random.json", [{"question_id": 1, **row}, {"question_id": 2, **row}])
    pope = Pope(splits=["random"])
    (edit, other) = pope.import_labels(folder, {"random": json.dumps({"question_id": 2, **row, "label": "yes"})}, REPOPE)
    assert (edit.field, edit.new, other.field, other.new) == ("label/random/1", "removed", "label/random/2", "flipped")
    assert rows(pope.export_labels(folder, [edit, other], "x")["pope/coco_x_random.json"])[0]["label"] == "yes"


@pytest.mark.parametrize(("change", "words"), [
    ({"question_id": 999}, "have no question_id 999"),
    ({"text": "Is there a cow?"}, "Are both files of the same version"),
    ({"label": "maybe"}, "the label is 'maybe'"),
])  # fmt: skip
def test_rows_that_do_not_fit_the_published_ones_are_told(published: DataFolder, change: dict, words: str) -> None:
    first = rows(published.read_text("pope/coco_pope_random.json"))[0]
    with pytest.raises(DataError, match=words):
        Pope().import_labels(published, {"coco_repope_random.json": json.dumps({**first, **change})}, REPOPE)


def test_a_file_whose_name_names_no_split_is_told(published: DataFolder) -> None:
    with pytest.raises(DataError, match="should hold one of random, popular, adversarial"):
        Pope().import_labels(published, {"repope.json": "{}"}, REPOPE)


def test_pope_is_a_benchmark_with_label_files() -> None:
    assert isinstance(Pope(), LabelFiles)
