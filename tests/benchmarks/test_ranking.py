"""Judges rank two answers: by rating each, by asking for a choice, or by the annotations of training images."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.judges.annotations import Annotations
from benchmarks.judges.chat import Chat
from benchmarks.judges.keywords import Keywords
from harness.core.errors import ConfigError, JudgeError
from harness.storage.data_folder import DataFolder
from tests.benchmarks.judges.test_judges import Model
from tests.benchmarks.scoring import put

FACTS = {"gt_answer": "There is a dog on the grass."}
IMAGE = Path("COCO_train2014_000000000007.jpg")


@pytest.mark.parametrize(("first", "second", "value"), [
    ("There is a dog on the grass.", "There is a cat.", 0.0),
    ("There is a cat.", "There is a dog on the grass.", 1.0),
    ("There is a cat.", "There is a cat.", 0.5),
])  # fmt: skip
def test_the_higher_rating_wins(first: str, second: str, value: float) -> None:
    assert Keywords().rank("What is there?", (first, second), FACTS, None).value == value


@pytest.mark.parametrize(("reply", "value"), [
    ("1\nIt is true.", 0.0), ("2", 1.0), ("Response 2 is better.", 1.0), ("0", 0.5), ("**1**", 0.0),
    ("1 and 2 are alike", None), ("Both.", None), ("", None), ("the 12th", None), ("Let me see.\n1", None),
])  # fmt: skip
def test_the_first_line_of_a_reply_says_which(reply: str, value: float | None) -> None:
    verdict = Chat(Model(reply)).rank("Q?", ("a", "b"), FACTS, None)
    assert (verdict.value, verdict.raw) == (value, reply)


def test_both_answers_and_the_image_are_told_and_the_reference_is_not() -> None:
    model = Model("1")
    Chat(model).rank("What?", ("first answer", "second answer"), FACTS, IMAGE)
    (request,) = model.requests
    assert request.text.index("Response 1: first answer") < request.text.index("Response 2: second answer")
    assert FACTS["gt_answer"] not in request.text and request.image == IMAGE


def test_an_endpoint_that_fails_leaves_a_pair_unjudged() -> None:
    assert Chat(Model(None)).rank("Q?", ("a", "b"), FACTS, None).value is None


@pytest.fixture
def annotator(folder: DataFolder) -> Annotations:
    names = ["dog", "car", "person"]
    images = [{"id": 7, "file_name": IMAGE.name}]
    boxes = [{"id": i, "image_id": 7, "category_id": i} for i in (0, 1)]
    categories = [{"id": i, "name": name} for i, name in enumerate(names)]
    put(folder, "coco/annotations/instances_train2014.json", {"images": images, "annotations": boxes, "categories": categories})
    said = [{"id": 1, "image_id": 7, "caption": "A woman and her dog."}]
    put(folder, "coco/annotations/captions_train2014.json", {"images": images, "annotations": said})
    put(folder, "coco/annotations/instances_val2014.json", "not even JSON")  # never read
    return Annotations(folder)


@pytest.mark.parametrize(("answer", "value"), [
    ("A dog, a car and a person.", 1.0),  # the person comes from the caption
    ("A dog.", 1 / 3),
    ("A dog and a cat.", 1 / 3 - 1),
    ("There is no cat.", 0.0),
    ("", 0.0),
])  # fmt: skip
def test_an_annotator_counts_what_is_there_and_takes_one_off_for_each_invention(annotator, answer, value) -> None:
    assert annotator.rate("Describe it.", answer, FACTS, IMAGE).value == pytest.approx(value)


def test_yes_and_no_are_right_or_wrong(annotator: Annotations) -> None:
    facts = {"gt_answer": "No, there is no cat."}
    values = [annotator.rate("Is there a cat?", a, facts, IMAGE).value for a in ("No.", "Yes, there is a cat.")]
    assert values == [1.0, 0.0]


def test_the_annotator_ranks_fewer_inventions_before_more_objects(annotator: Annotations) -> None:
    two = ("A dog, a car, a person and a boat.", "A dog.")
    assert annotator.rank("Describe it.", two, FACTS, IMAGE).value == 1.0


def test_it_knows_training_images_only(annotator: Annotations, folder: DataFolder) -> None:
    with pytest.raises(JudgeError, match="does not know the image"):
        annotator.rate("Describe it.", "A dog.", FACTS, Path("COCO_val2014_000000000008.jpg"))
    with pytest.raises(ConfigError, match="training split only"):
        Annotations(folder, split="val")
    assert "instances_train2014.json" in annotator.version and "val2014" not in annotator.version


@pytest.mark.parametrize(("reply", "value"), [("2", 1.0), ("1", 0.0), ("0", 0.5), ("hm", None)])
def test_a_chat_judge_rates_an_answer_beside_the_reference(reply: str, value: float | None) -> None:
    model = Model(reply)
    assert Chat(model).rate("What?", "my answer", FACTS, None).value == value
    assert f"Response 1: {FACTS['gt_answer']}\nResponse 2: my answer" in model.requests[0].text
