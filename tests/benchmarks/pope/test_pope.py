"""POPE asks whether objects are there that are not; each distinct (image, question) pair is asked once."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest

from benchmarks._text.yes_no import contains, is_unclear, official, opera, repope
from benchmarks.pope import Pope, build_questions
from harness.core import flags
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Item, LabelEdit, Sums
from harness.core.stats import metrics as measured
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import metrics, put, said


def row(number: int, text: str = "Is there a dog in the image?", label: str = "no", image: str = "a.jpg") -> dict:
    return {"question_id": number, "image": image, "text": text, "label": label}


def dog(**labels: list[str]) -> Item:
    return Item("1", "a.jpg", "Is there a dog in the image?", {"labels": labels})


@pytest.mark.parametrize(("answer", "readings"), [  # official, opera, repope, contains
    ("No, there is not.", ("no", "no", "no", "no")),
    ("Yes, but not clearly.", ("no", "no", "yes", "yes")),
    ("NO", ("yes", "no", "no", "no")),
    ("There isn't a dog", ("yes", "no", "", "")),
    ("Yes. No cat is there", ("yes", "no", "yes", "")),
    ("I know it is a dog", ("yes", "yes", "no", "")),
    ("", ("yes", "yes", "", "")),
    ("n,o", ("no", "no", "", "")),
])  # fmt: skip
def test_the_four_readings_differ_where_they_are_known_to(answer: str, readings: tuple[str, ...]) -> None:
    assert (official(answer), opera(answer), repope(answer), contains(answer)) == readings


def test_an_answer_with_neither_yes_nor_a_negation_is_unclear() -> None:
    assert is_unclear("A dog on a sofa") and is_unclear("") and is_unclear("Know nothing")
    assert not any(map(is_unclear, ("YES", "not sure", "There isn\u2019t one", "no")))


def test_a_pair_in_three_splits_is_asked_once_and_counted_three_times(folder: DataFolder) -> None:
    for split in ("random", "popular", "adversarial"):
        put(folder, f"pope/coco_pope_{split}.json", [row(1)])
    (item,) = Pope().load(folder)
    assert Pope().score(item, said("No.")).values == {"random/tn": 1, "popular/tn": 1, "adversarial/tn": 1, "asked": 1}


def test_contradicting_labels_are_kept_by_split(folder: DataFolder) -> None:
    put(folder, "pope/coco_pope_random.json", [row(1, label="no")])
    put(folder, "pope/coco_pope_popular.json", [row(1, label="yes")])
    pope = Pope(splits=["random", "popular"])
    score = pope.score(*pope.load(folder), said("Yes"))
    assert score.values == {"random/fp": 1, "popular/tp": 1, "asked": 1} and score.correct is None


def test_a_pretty_printed_list_reads_like_json_lines(folder: DataFolder) -> None:
    put(folder, "pope/aokvqa_pope_random.json", '[\n  {"question_id": 1, "image": "a.jpg",\n "text": "T?", "label": "no"}\n]')
    (item,) = Pope(splits=["random"], flavour="aokvqa").load(folder)
    assert item.image == "coco/val2014/a.jpg" and item.truth["labels"] == {"random": ["no"]}


def test_a_question_stands_for_the_rows_of_the_splits_that_hold_it(folder: DataFolder) -> None:
    row = {"question_id": 1, "image": "a.jpg", "text": "Is there a dog?", "label": "no"}
    for split in ("random", "popular"):
        put(folder, f"pope/aokvqa_pope_{split}.json", [row])
    pope = Pope(splits=["random", "popular"], flavour="aokvqa")
    assert [pope.rows(item) for item in pope.load(folder)] == [2]


def test_popev2_is_read_with_its_capitalised_labels(folder: DataFolder) -> None:
    pair = {"image_id": 1, "target_object": "pen", "query": "Is there a pen?"}
    put(folder, "pope/popev2.json", [{**pair, "image_name": "/images/1.jpg", "label": "No"},
                                     {**pair, "image_name": "/coco/train2017/1.jpg", "label": "Yes"}])  # fmt: skip
    items = Pope(flavour="v2", image_folder="pope").load(folder)
    assert [i.truth["labels"] for i in items] == [{"v2": ["no"]}, {"v2": ["yes"]}]
    assert items[0].cluster == items[1].cluster


def test_the_official_rule_takes_a_capitalised_no_label_as_yes_and_says_so(folder: DataFolder) -> None:
    put(folder, "pope/coco_pope_random.json", [row(1, label="No")])
    pope = Pope(splits=["random"], variant="official")
    assert pope.load(folder)[0].truth["labels"] == {"random": ["yes"]} and "label quirk" in pope.facts()
    for variant in ("llava", "opera"):
        assert Pope(splits=["random"], variant=variant).load(folder)[0].truth["labels"] == {"random": ["no"]}


@pytest.mark.parametrize("no", ["No", " no", "NO"])
def test_a_label_is_what_it_says_however_it_is_written(folder: DataFolder, no: str) -> None:
    put(folder, "pope/coco_pope_random.json", [row(1, label="Yes"), row(2, "Is there a cat in the image?", label=no)])
    assert [i.truth["labels"] for i in Pope(splits=["random"]).load(folder)] == [{"random": ["yes"]}, {"random": ["no"]}]


@pytest.mark.parametrize(("variant", "label"), [("official", "No"), ("llava", "no"), ("llava", "yes")])
def test_a_file_whose_labels_are_all_the_same_is_refused(folder: DataFolder, variant: str, label: str) -> None:
    rows = [row(n, f"Are there {n} dogs in the image?", label) for n in range(8)]
    put(folder, "pope/coco_pope_random.json", rows)
    with pytest.raises(DataError, match="All 8 labels of the random questions read as"):
        Pope(splits=["random"], variant=variant).load(folder)


@pytest.mark.parametrize("answer", ["\n\nNo", "No\n", " \tno", "No"])
def test_white_space_is_stripped_before_the_official_rule(answer: str) -> None:
    score = Pope().score(dog(random=["no"]), said(answer))
    assert (score.reading, score.flag) == ("no", "") and score.values["random/tn"] == 1


@pytest.mark.parametrize(
    "answer", ["**No**", "No!", '{"answer": "No"}', "(No)", "No\u2014a cat", "There isn't a dog", "NO", "Yes, no doubt.", "No;"]
)
def test_an_answer_that_is_read_against_its_own_clear_word_is_flagged(answer: str) -> None:
    assert Pope().score(dog(random=["no"]), said(answer)).flag == "contradicted"


@pytest.mark.parametrize("answer", ["Yes", "No.", "No, it is not there.", "It may be there, yes or no?"])
def test_an_answer_that_is_read_as_it_says_or_says_both_is_not_flagged(answer: str) -> None:
    assert Pope().score(dog(random=["no"]), said(answer)).flag == ""


def test_a_contradicted_answer_bears_no_witness_on_labels() -> None:
    item = dog(random=["no"])
    unclear, clear = (Pope().score(item, said(text)) for text in ("**No**", "No"))
    assert not Pope().implied_labels(item, unclear) and Pope().implied_labels(item, clear)


def test_a_label_revision_is_matched_by_id_and_drops_what_it_lacks(folder: DataFolder) -> None:
    put(folder, "pope/coco_pope_random.json", [row(1, "Is there a cat?"), row(2), row(3, "Is there a car?")])
    put(folder, "pope/coco_repope_random.json", [row(3, "Is there a car?", "yes"), row(1, "Is there a cat?", "no")])
    items = Pope(splits=["random"], labels="repope").load(folder)
    assert [(i.question, i.truth["labels"]["random"]) for i in items] == [
        ("Is there a cat?", ["no"]), ("Is there a car?", ["yes"])]  # fmt: skip


def test_a_revision_of_other_questions_is_refused(folder: DataFolder) -> None:
    put(folder, "pope/coco_pope_random.json", [row(1)])
    put(folder, "pope/coco_repope_random.json", [row(1, "Is there a cat?")])
    with pytest.raises(DataError, match="line 1 is not a question of the published file"):
        Pope(splits=["random"], labels="repope").load(folder)


def test_unread_answers_leave_repope_and_are_wrong_for_contains() -> None:
    pope = Pope(splits=["random"], variant="repope")
    assert isnan(metrics(pope, [pope.score(dog(random=["no"]), said("A dog"))])["accuracy[random]"])
    pope = Pope(splits=["random"], variant="contains")
    assert metrics(pope, [pope.score(dog(random=["no"]), said("A dog"))])["accuracy[random]"] == 0


@pytest.mark.parametrize(
    ("answer", "reading"), [("**Yes**", "neither"), ("Yes:", "neither"), ("Yes - there is", "yes"), ("Not sure. no", "no")]
)
def test_vlmevalkits_variant_reads_as_its_extraction_does_elsewhere(answer: str, reading: str) -> None:
    assert Pope(splits=["random"], variant="vlmevalkit").score(dog(random=["yes"]), said(answer)).reading == reading


def test_vlmevalkit_counts_an_unread_answer_as_wrong_and_as_no_yes() -> None:
    """POPE_rating: accuracy compares words, "Unknown" is neither; F1 takes all but "Yes" as no: tp 1, fp 0, fn 1."""
    pope = Pope(splits=["random"], variant="vlmevalkit")
    asked = [("yes", "Yes"), ("yes", "**Yes**"), ("no", "**No**"), ("no", "No.")]
    scores = [pope.score(dog(random=[label]), said(text)) for label, text in asked]
    got = metrics(pope, scores)
    assert [got[f"{name}[random]"] for name in ("accuracy", "precision", "recall", "f1", "yes_rate")] == pytest.approx(
        [0.5, 1.0, 0.5, 2 / 3, 0.25]
    )
    assert [score.flag for score in scores] == ["", flags.CONTRADICTED, flags.CONTRADICTED, ""]


def test_a_model_that_never_says_yes_has_no_precision_and_no_f1() -> None:
    pope = Pope(splits=["random"])
    got = metrics(pope, [pope.score(dog(random=[label]), said("No")) for label in ("yes", "no")])
    assert isnan(got["precision[random]"]) and isnan(got["f1"]) and got["accuracy"] == 0.5 and got["yes_rate"] == 0


def test_formulas_take_arrays_of_resamples() -> None:
    (f1,) = [f for f in Pope(splits=["random"]).formulas if f.name == "f1" and f.group]
    tp, rest = np.array([3.0, 0.0]), np.array([1.0, 1.0])
    resamples = Sums({"random/tp": tp, "random/fp": rest, "random/fn": rest})
    assert f1.compute(resamples) == pytest.approx([0.75, np.nan], nan_ok=True)


def test_limit_images_takes_the_first_images_with_all_their_questions(folder: DataFolder) -> None:
    put(folder, "pope/coco_pope_random.json", [row(1), row(2, image="b.jpg"), row(3, "Is there a cat?")])
    assert {i.image for i in Pope(splits=["random"], limit_images=1).load(folder)} == {"coco/val2014/a.jpg"}


def test_the_protocol_names_rows_and_digests(folder: DataFolder) -> None:
    put(folder, "pope/coco_pope_random.json", [row(1), row(2, "Is there a cat?")])
    pope = Pope(splits=["random"])
    pope.load(folder)
    facts = pope.facts()
    assert facts["rows"] == "random 2" and facts["sha256 of pope/coco_pope_random.json"] == folder.digest(
        "pope/coco_pope_random.json")  # fmt: skip


@pytest.mark.parametrize(("content", "message"), [
    ('{"question_id": 1, "image": "a.jpg", "label": "no"}\n', r"coco_pope_random.json, line 1 has no 'text'"),
    ('{"question_id": 1}\n{"question_id"', "line 2 is not JSON"),
    ("", "is empty"),
    ("3\n", "line 1 is not an object"),
    ('{"question_id": 1, "image": "a.jpg", "text": "T?", "label": "maybe"}\n', "the label is 'maybe'"),
    ('{"question_id": 1, "image": 2.5, "text": "T?", "label": "no"}\n', "'image' should be text"),
])  # fmt: skip
def test_a_broken_question_file_is_one_clear_error(folder: DataFolder, content: str, message: str) -> None:
    put(folder, "pope/coco_pope_random.json", content)
    with pytest.raises(DataError, match=message):
        Pope(splits=["random"]).load(folder)


def test_a_repeated_id_is_an_error_naming_both_lines(folder: DataFolder) -> None:
    put(folder, "pope/coco_pope_random.json", [row(1), row(1, "Is there a cat?")])
    with pytest.raises(DataError, match=r"line 2 repeats question_id 1, first used in .*line 1"):
        Pope(splits=["random"]).load(folder)


@pytest.mark.parametrize("options", [{"splits": ["odd"]}, {"splits": []}, {"variant": "mine"}, {"limit_images": 0}])
def test_options_that_make_no_sense_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError):
        Pope(**options)


def test_a_reviewer_can_flip_or_remove_a_label() -> None:
    def edit(new: str, field: str = "label") -> LabelEdit:
        return LabelEdit("pope", "1", field, "no", new, "me", "", "")

    item, pope = dog(random=["no"], popular=["yes"]), Pope()
    assert pope.edited(item, edit("flipped")).truth["labels"] == {"random": ["yes"], "popular": ["no"]}
    assert pope.edited(item, edit("removed", "label/random")).truth["labels"] == {"popular": ["yes"]}
    assert pope.edited(item, edit("removed")) is None and pope.edited(item, edit("right")) is item


def test_an_image_that_holds_every_object_cannot_be_asked_about() -> None:
    with pytest.raises(DataError, match="all 3 objects"):
        build_questions([("a.jpg", ["dog", "cat", "car"])], "random", seed=0)


def test_questions_say_image_and_take_an_before_a_vowel() -> None:
    rows = build_questions([("a.jpg", ["apple", "dog", "cat"]), ("b.jpg", ["pen", "car", "bus", "kite"])], "popular", seed=0)
    assert rows[0]["text"] == "Is there an apple in the image?" and len(rows) == 12


def test_any_text_is_an_answer() -> None:
    for text in ("\x00\x1b[31m", "\ud83d\ude00", "no" * 1_000_000, "\u202eno"):
        assert Pope().score(dog(random=["no"]), said(text)).values["asked"] == 1


def test_an_unknown_metric_of_one_split_does_not_speak_of_several() -> None:
    one, three = (
        {f.name: f.unknown for f in Pope(splits=s).formulas if not f.group} for s in (["random"], ["random", "popular"])
    )
    assert one["f1"] == "no true positive" and three["f1"] == "unknown in one of the splits: no true positive"


def test_a_mean_over_splits_without_a_value_names_the_splits_that_lack_one() -> None:
    pope, item = Pope(splits=["random", "popular"]), dog(random=["yes"], popular=["no"])
    reasons = {m.key: m.why for m in measured([item], [pope.score(item, said("Yes."))], pope.formulas)}
    assert reasons["f1"] == "no true positive (popular)"
