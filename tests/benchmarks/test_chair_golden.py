"""CHAIR: the official scorer (pattern singulariser) and OPERA's (lemmas) on 664 captions of 300 made-up images."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks._text.singular import singularize
from benchmarks.chair import Chair
from harness.core.evaluation import Item
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import GOLDEN, golden, golden_lines, metrics, said

CAPTIONS = golden_lines("chair/captions.jsonl")


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    root: Path = tmp_path_factory.mktemp("chair")
    shutil.copytree(GOLDEN / "chair" / "annotations", root / "coco" / "annotations")
    return DataFolder(root)


def items_of(chair_options: dict, coco: DataFolder) -> dict[int, Item]:
    return {int(i.id): i for split in ("train", "val") for i in Chair(split=split, **chair_options).load(coco)}


def test_every_word_is_made_singular_as_pattern_does_it() -> None:
    expected = golden("chair/singularize.json")
    assert {word: singularize(word) for word in expected} == expected


@pytest.mark.parametrize(("word", "singular"), [("^ties", "^ties"), ("x^PIES", "x^pies"), ("ties", "ty"), ("pies", "py")])
def test_patterns_list_has_two_words_with_a_caret_which_protect_nothing_else(word: str, singular: str) -> None:
    assert singularize(word) == singular


def test_tokens_are_those_of_nltk() -> None:
    tokenizer = Chair()._tokenizer
    expected = [row["tokens"] for row in golden_lines("chair/expected_captions.jsonl")]
    assert [tokenizer.words(row["caption"].lower()) for row in CAPTIONS] == expected


def test_the_true_objects_of_every_image_are_the_official_ones(coco: DataFolder) -> None:
    items = items_of({}, coco)
    assert {str(n): item.truth["objects"] for n, item in items.items()} == golden("chair/expected_gt_objects.json")


def test_the_objects_of_every_reference_caption_are_the_official_ones() -> None:
    captions = [c for split in ("train", "val") for c in golden(f"chair/annotations/captions_{split}2014.json")["annotations"]]
    found = {c["id"]: [m.node for m in Chair().mentions(c["caption"])] for c in captions}
    assert found == {row["id"]: row["objects"] for row in golden_lines("chair/expected_gt_caption_objects.jsonl")}


@pytest.mark.parametrize(("variant", "file"), [
    ("official", "expected_captions"),
    ("lemma", "expected_captions_lemma_variant"),
])  # fmt: skip
def test_every_caption_has_the_official_words_objects_and_score(coco: DataFolder, variant: str, file: str) -> None:
    chair, items = Chair(variant=variant), items_of({"variant": variant}, coco)
    for row, expected in zip(CAPTIONS, golden_lines(f"chair/{file}.jsonl"), strict=True):
        truth = items[row["image_id"]].truth["objects"]
        mentions = chair.mentions(row["caption"])
        assert truth == expected["mscoco_gt_words"]
        assert chair.words(row["caption"]) == expected["words"]
        assert [m.node for m in mentions] == expected["mscoco_generated_words"]
        assert [[m.word, m.node] for m in mentions if m.node not in truth] == expected["mscoco_hallucinated_words"]
        values = chair.score(items[row["image_id"]], said(row["caption"])).values
        assert values["captions_invented"] == expected["CHAIRs"]
        assert values["invented"] == pytest.approx(expected["CHAIRi"] * values["mentions"])


@pytest.mark.parametrize(("variant", "file"), [
    ("official", "expected_overall"),
    ("lemma", "expected_overall_lemma_variant"),
])  # fmt: skip
def test_the_overall_numbers_are_the_official_ones(coco: DataFolder, variant: str, file: str) -> None:
    chair, items = Chair(variant=variant), items_of({"variant": variant}, coco)
    got = metrics(chair, [chair.score(items[row["image_id"]], said(row["caption"])) for row in CAPTIONS])
    expected = golden(f"chair/{file}.json")
    length = expected["mean_len_words"] if variant == "official" else 100 * expected["Len"]
    assert [got["chair_s"], got["chair_i"], got["recall"], got["length"]] == pytest.approx(
        [expected["CHAIRs"], expected["CHAIRi"], expected["Recall"], length], abs=1e-12)  # fmt: skip


@pytest.mark.parametrize("kind", ["coverage", "edge", "paragraph"])
def test_the_numbers_of_one_kind_of_caption_are_the_official_ones(coco: DataFolder, kind: str) -> None:
    chair, items = Chair(), items_of({}, coco)
    rows = [row for row in CAPTIONS if row["kind"] == kind]
    got = metrics(chair, [chair.score(items[row["image_id"]], said(row["caption"])) for row in rows])
    expected = golden("chair/expected_overall_by_kind.json")[kind]
    assert [got["chair_s"], got["chair_i"], got["recall"]] == pytest.approx(
        [expected["CHAIRs"], expected["CHAIRi"], expected["Recall"]], abs=1e-12)  # fmt: skip
