"""CHAIR (Rohrbach et al. 2018) counts mentions, not kinds of objects, and never stands without recall and length."""

from __future__ import annotations

from math import isnan
from typing import Any

import pytest

from benchmarks.chair import FORMULAS, Chair
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Item, LabelEdit, Score
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import metrics, put, put_coco, said


def photo(*objects: str) -> Item:
    return Item("1", "a.jpg", "", {"objects": sorted(objects)})


def score(text: str, *objects: str, **options: Any) -> Score:
    return Chair(**options).score(photo(*objects), said(text))


def shown(text: str, *objects: str) -> list[tuple[str, str]]:
    return [(text[s.start : s.end], s.kind) for s in score(text, *objects).spans]


def test_an_invented_object_named_twice_counts_twice() -> None:
    values = score("A dog and a cat. The dog sleeps.", "cat").values
    assert (values["mentions"], values["invented"], values["true_found"], values["words"]) == (3, 2, 1, 10)


def test_a_caption_without_any_known_object_has_no_chair_i() -> None:
    got = metrics(Chair(), [score("A lovely day.", "cat")])
    assert isnan(got["chair_i"]) and isnan(got["precision"]) and got["chair_s"] == 0 and got["recall"] == 0


def test_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    got = metrics(Chair(), [score("A dog and a cat.", "cat", "car", "bus", "pizza")])
    assert (got["precision"], got["recall"]) == (0.5, 0.25) and got["f1"] == pytest.approx(1 / 3)  # 2 (1/2) (1/4) / (3/4)


def test_recall_and_length_are_headlines_beside_chair() -> None:
    assert {f.name for f in FORMULAS if f.headline} >= {"chair_i", "recall", "length"}


@pytest.mark.parametrize(("text", "nodes"), [
    ("a bus", []),                                   # pattern makes "bu" of it
    ("two buses", ["bus"]),
    ("a glass of wine", []),
    ("a wine glass", ["wine glass"]),
    ("a motor bike", []),                            # its entry starts with a space
    ("the toilet seat", ["toilet"]),
    ("the seat of the toilet", ["toilet"]),
    ("a baby elephant", ["elephant"]),
    ("a stove top oven", ["oven", "oven"]),
    ("a train track", []),
    ("a hot-dog", []),
    ("the doggies", []),
])  # fmt: skip
def test_the_official_quirks_are_kept(text: str, nodes: list[str]) -> None:
    assert [m.node for m in Chair().mentions(text)] == nodes


def test_the_lemma_variant_sees_the_bus() -> None:
    assert [m.node for m in Chair(variant="lemma").mentions("A bus is parked.")] == ["bus"]


def test_spans_point_at_the_words_of_the_answer() -> None:
    assert shown('"DOGS" near a Hot Dog.', "dog") == [("DOGS", "found"), ("Hot Dog", "invented")]


def test_letters_that_grow_when_lower_cased_do_not_shift_spans() -> None:
    assert shown("\u0130\u0130 dogs", "dog") == [("dogs", "found")]


def test_nouns_that_the_vocabulary_cannot_judge_are_shown_as_uncovered() -> None:
    assert shown("A dog by a lighthouse.", "dog") == [("dog", "found"), ("lighthouse", "uncovered")]


def test_a_truncated_answer_is_flagged_and_its_last_sentence_may_be_dropped() -> None:
    answer = said("A cat. A dog and", stopped="length")
    kept, dropped = Chair().score(photo("cat"), answer), Chair(drop_truncated=True).score(photo("cat"), answer)
    assert kept.flag == dropped.flag == "truncated"
    assert (kept.values["invented"], dropped.values["invented"]) == (1, 0)


def test_truth_is_instances_and_reference_captions(folder: DataFolder) -> None:
    put_coco(folder, {1: ["dog"], 2: []}, {1: ["two cats on a couch"], 2: ["nothing here"]})
    assert [i.truth["objects"] for i in Chair().load(folder)] == [["cat", "couch", "dog"], []]


def test_the_truth_is_read_once_and_kept(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    put_coco(folder, {1: ["dog"]}, {1: ["a dog"]})
    first = Chair().load(folder)
    monkeypatch.setattr("benchmarks._coco.annotations._read", lambda *_: pytest.fail("read again"))
    assert Chair().load(folder) == first


@pytest.mark.parametrize("text", ["2\n1\n", "[2, 1]", '{"image_id": 2}\n{"image_id": 1}\n',
                                  "COCO_val2014_000000000002.jpg\nCOCO_val2014_000000000001.jpg\n"])  # fmt: skip
def test_an_image_list_in_any_of_its_forms_chooses_and_orders_the_images(folder: DataFolder, text: str) -> None:
    put_coco(folder, {1: ["dog"], 2: ["cat"], 3: ["cat"]}, {})
    put(folder, "lists/mine.txt", text)
    chair = Chair(images="lists/mine.txt")
    items = chair.load(folder)
    assert [i.id for i in items] == ["2", "1"] and "sha256 of image list" in chair.facts()


def test_an_image_that_the_annotations_lack_is_named_with_its_line(folder: DataFolder) -> None:
    put_coco(folder, {1: ["dog"]}, {})
    put(folder, "mine.txt", "1\n7\n")
    with pytest.raises(DataError, match=r"mine.txt, line 2: '7' is not an image"):
        Chair(images="mine.txt").load(folder)


def test_missing_annotations_tell_what_to_get(folder: DataFolder) -> None:
    with pytest.raises(DataError, match="instances_val2014.json is not in the data folder"):
        Chair().load(folder)


@pytest.mark.parametrize(("change", "message"), [
    ({"annotations": [{"id": 5, "image_id": 9, "category_id": 0}]}, "annotation 5 belongs to image 9"),
    ({"annotations": [{"id": 5, "image_id": 1, "category_id": 7}]}, "annotation 5 has the unknown category 7"),
    ({"categories": [{"id": 0, "name": "unicorn"}]}, "category 'unicorn' is not one of COCO's 80"),
    ({"annotations": [{"image_id": 1}]}, "has no 'category_id'"),
    ({"images": 3}, "has no list 'images'"),
])  # fmt: skip
def test_broken_annotations_are_one_clear_error(folder: DataFolder, change: dict, message: str) -> None:
    put_coco(folder, {1: ["dog"]}, {})
    content = {"images": [{"id": 1, "file_name": "a"}], "annotations": [], "categories": [{"id": 0, "name": "dog"}]}
    put(folder, "coco/annotations/instances_val2014.json", content | change)
    with pytest.raises(DataError, match=message):
        Chair().load(folder)


@pytest.mark.parametrize("options", [{"variant": "best"}, {"split": "test"}, {"limit_images": 0}])
def test_options_that_make_no_sense_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError):
        Chair(**options)


def test_a_reviewer_can_add_an_object_that_the_labels_missed() -> None:
    edit = LabelEdit("chair", "1", "dog", "absent", "flipped", "me", "", "")
    assert Chair().edited(photo("cat"), edit).truth["objects"] == ["cat", "dog"]
    assert Chair().edited(photo("dog"), edit).truth["objects"] == []


def test_the_protocol_names_variant_tokenizer_and_vocabulary() -> None:
    facts = Chair().facts()
    assert facts["variant"] == "official" and facts["tokenizer"] == "punkt" and len(facts["vocabulary"]) == 64


def test_any_text_is_an_answer() -> None:
    for text in ("", "\x00\x1b", "\ud83d\udc15 dog", "dog " * 200_000, "es" * 100_000, '"' * 50_000, ". " * 50_000):
        assert score(text, "dog").values["captions"] == 1
