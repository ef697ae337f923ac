"""TextVQA and GQA: accuracy over ten references, exact match; and VQA's own idea of equal answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks._text.vqa_answers import normalise, vqa_accuracy
from benchmarks.gqa import Gqa
from benchmarks.textvqa import Textvqa
from harness.core.errors import DataError
from harness.core.evaluation import Item
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import metrics, put, said


@pytest.mark.parametrize(("answer", "normal"), [
    ("The Red Car.", "red car"),
    ("dont", "don't"),
    ("couldnt've", "couldn't've"),
    ("somebody'd", "somebodyd"),                 # a slip of the original's table, kept
    ("two", "2"),
    ("None", "0"),
    ("eleven", "eleven"),
    ("3.5", "3.5"),
    ("1,000", "1000"),
    ("1,000-2", "1000 2"),                       # commas are dropped before the punctuation rule looks for them
    ("coca-cola", "coca cola"),                  # a mark between letters becomes a space
    ("coca - cola", "coca cola"),                # beside a space it vanishes
    ("yes!", "yes"),
    ("someonell", "someone'll"),
    ("John's", "john 's"),
    ("", ""),
])  # fmt: skip
def test_the_normal_form_of(answer: str, normal: str) -> None:
    assert normalise(answer) == normal


@pytest.mark.parametrize(("equal", "accuracy"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)])
def test_accuracy_by_the_number_of_equal_references(equal: int, accuracy: float) -> None:
    # one: left out itself 0, left out another min(1, 1/3): 9 * (1/3) / 10 = 0.3
    assert vqa_accuracy("Nokia", ["nokia."] * equal + ["other"] * (10 - equal)) == pytest.approx(accuracy)


def test_textvqa_reads_its_file_and_scores(folder: DataFolder) -> None:
    entry = {"question_id": 34602, "image_id": "0054c91397f2fe05", "question": "what brand?", "answers": ["nokia"] * 10}
    put(folder, "textvqa/TextVQA_0.5.1_val.json", {"data": [entry]})
    bench = Textvqa()
    (item,) = bench.load(folder)
    assert item.image == "textvqa/train_images/0054c91397f2fe05.jpg"
    assert bench.prompt(item) == "what brand?\nAnswer the question using a single word or phrase."
    assert metrics(bench, [bench.score(item, said("Nokia"))]) == {"accuracy": 1.0}


def test_without_references_the_accuracy_is_zero_and_half_is_right() -> None:
    assert vqa_accuracy("Nokia", []) == 0.0
    item = Item("1", "a.jpg", "q", {"answers": ["nokia"] * 2 + ["x"] * 8})
    two = Textvqa().score(item, said("nokia"))
    assert two.values["accuracy"] == pytest.approx(0.6) and two.correct
    one = Textvqa().score(replace(item, truth={"answers": ["nokia"] + ["x"] * 9}), said("nokia"))
    assert one.values["accuracy"] == pytest.approx(0.3) and not one.correct


@pytest.mark.parametrize(("content", "message"), [
    ({"data": []}, 'has no list "data"'),
    ({"data": [{"question_id": 1, "image_id": "a", "question": "q"}]}, "entry 1 has no 'answers'"),
    ({"data": [{"question_id": 1, "image_id": "a", "question": "q", "answers": []}]}, "use the validation set"),
    ("[1", "is not JSON"),
])  # fmt: skip
def test_a_broken_textvqa_file_is_one_clear_error(folder: DataFolder, content: object, message: str) -> None:
    put(folder, "textvqa/TextVQA_0.5.1_val.json", content)
    with pytest.raises(DataError, match=message):
        Textvqa().load(folder)


def entry(references: object) -> dict[str, object]:
    return {"data": [{"question_id": 1, "image_id": "a", "question": "q", "answers": references}]}


def test_references_in_vqas_own_form_are_read(folder: DataFolder) -> None:
    put(folder, "textvqa/TextVQA_0.5.1_val.json", entry([{"answer": "nokia", "answer_confidence": "yes"}] * 9 + [3310]))
    (item,) = Textvqa().load(folder)
    assert item.truth["answers"] == ["nokia"] * 9 + ["3310"] and Textvqa().score(item, said("Nokia")).correct


@pytest.mark.parametrize(("references", "message"), [
    ([None] * 10, "the reference None is not a text"),
    ([{"text": "nokia"}] * 10, "is not a text"),
    ([["nokia"]] * 10, "is not a text"),
    (["nokia"] * 3, "a list of ten references, but has 3"),
    ("nokia", "a list of ten references, but is 'nokia'"),
    ("nokia 3310", "a list of ten references, but is 'nokia 3310'"),  # a text of ten characters
])  # fmt: skip
def test_references_that_are_no_texts_or_not_ten_are_refused(folder: DataFolder, references: object, message: str) -> None:
    put(folder, "textvqa/TextVQA_0.5.1_val.json", entry(references))
    with pytest.raises(DataError, match=f"entry 1: .*{message}"):
        Textvqa().load(folder)


@pytest.mark.parametrize("reference", ["yes ", " Yes.", "yes...", "yes ."])
def test_a_gqa_reference_is_compared_in_the_form_of_an_answer(folder: DataFolder, reference: str) -> None:
    put(folder, "gqa/testdev_balanced_questions.json", {"201": {"imageId": "n1", "question": "Q?", "answer": reference}})
    (item,) = Gqa().load(folder)
    assert Gqa().score(item, said("yes")).correct


@pytest.mark.parametrize("reference", ["", " ", "."])
def test_a_gqa_reference_of_nothing_is_refused(folder: DataFolder, reference: str) -> None:
    put(folder, "gqa/testdev_balanced_questions.json", {"201": {"imageId": "n1", "question": "Q?", "answer": reference}})
    with pytest.raises(DataError, match="question 201: the answer is"):
        Gqa().load(folder)


def test_gqa_matches_exactly_but_for_case_and_the_final_stop(folder: DataFolder) -> None:
    question = {"imageId": "n1", "question": "Is it red?", "answer": "yes", "types": {"structural": "verify"}}
    put(folder, "gqa/testdev_balanced_questions.json", {"201": question})
    bench = Gqa()
    (item,) = bench.load(folder)
    got = metrics(bench, [bench.score(item, said(text)) for text in ("Yes.", "yes", "yes it is", "no")])
    assert item.image == "gqa/images/n1.jpg" and got["accuracy"] == got["accuracy[verify]"] == 0.5


@pytest.mark.parametrize(
    ("text", "right"), [(" Yes.\n", True), ("yes...", True), (".yes", False), ("yes .", False), ("yes!", False)]
)
def test_gqa_strips_white_space_then_the_full_stops_at_the_end(text: str, right: bool) -> None:
    """Apart from the white space around it as convert_gqa_for_eval.py: rstrip("."), lower."""
    assert Gqa().score(Item("1", "a.jpg", "Q?", {"answer": "yes", "type": ""}), said(text)).correct is right


def test_a_gqa_question_whose_type_is_null_has_none(folder: DataFolder) -> None:
    question = {"imageId": "n1", "question": "Is it red?", "answer": "yes", "types": {"structural": None}}
    put(folder, "gqa/testdev_balanced_questions.json", {"201": question})
    (item,) = Gqa().load(folder)
    assert item.truth["type"] == "", "not the type 'None'"


@pytest.mark.parametrize("content", ["[]", "{}", "[1]", "3"])
def test_a_gqa_file_that_is_no_object_of_questions_is_an_error(folder: DataFolder, content: str) -> None:
    put(folder, "gqa/testdev_balanced_questions.json", content)
    with pytest.raises(DataError, match="not an object of questions by id"):
        Gqa().load(folder)


def test_a_gqa_question_of_no_known_kind_counts_in_the_whole_only(folder: DataFolder) -> None:
    put(folder, "gqa/testdev_balanced_questions.json", {"201": {"imageId": "n1", "question": "Q?", "answer": "Yes"}})
    bench = Gqa(prompt_suffix=" Short.")
    (item,) = bench.load(folder)
    assert bench.prompt(item) == "Q? Short."
    score = bench.score(item, said("YES."))
    assert score.correct and score.reading == "yes" and dict(score.values) == {"items": 1.0, "right": 1.0}
    assert bench.facts()["rows"] == "1"


def test_a_gqa_question_without_answer_is_an_error(folder: DataFolder) -> None:
    put(folder, "gqa/testdev_balanced_questions.json", {"201": {"imageId": "n1", "question": "Q?"}})
    with pytest.raises(DataError, match="question 201 has no 'answer'"):
        Gqa().load(folder)
