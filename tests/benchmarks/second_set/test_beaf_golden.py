"""BEAF: the official beaf_metric.py with its two hard-wired totals replaced by those of the set."""

from __future__ import annotations

import pytest

from benchmarks.yes_no.beaf import Beaf
from harness.core.errors import DataError
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import golden, golden_lines, put
from tests.benchmarks.second_set.golden_cases import check, measured, scored

ANSWERS = [row["answer"] for row in golden("beaf/answers.json")]
NAMES = {
    "accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "f1", "tu": "TU", "ig": "IG",
    "sb_plus": "SBp", "sb_minus": "SBn", "id": "ID", "f1_tuid": "F1_TUID",
}  # fmt: skip
CELLS = ("tp", "fp", "tn", "fn")
ROW = {"id": 0, "image": "COCO_1.jpg", "question": "Is there a dog?", "orig_img": True, "removed_q": False, "gt": "yes"}


def test_every_cell_is_the_official_one_unread_answers_included(golden_data: DataFolder) -> None:
    scores = scored(Beaf(variant="official"), Beaf().load(golden_data), ANSWERS)
    got = [[name.removeprefix("joint/") for name in s.values if name.removeprefix("joint/") in CELLS] for s in scores]
    expected = golden_lines("beaf/expected_cells.jsonl")
    assert got == [[row["cell"].lower()] for row in expected]
    assert ["unread" in s.values for s in scores] == [row["unread"] for row in expected]


def test_every_metric_is_the_official_one(golden_data: DataFolder) -> None:
    got = measured(Beaf(variant="official"), Beaf().load(golden_data), ANSWERS)
    check(got, golden("beaf/expected_metrics.json")["totals_replaced"], NAMES, times=100)


@pytest.mark.parametrize("case", golden("beaf/degenerate.json"), ids=lambda case: case["name"])
def test_a_degenerate_set_has_the_official_numbers(case: dict, golden_data: DataFolder) -> None:
    by_id = {item.id: item for item in Beaf().load(golden_data)}
    got = measured(Beaf(variant="official"), [by_id[str(n)] for n in case["ids"]], case["answers"])
    check(got, case["expected"], NAMES, times=100)


def test_by_default_an_unread_answer_is_wrong_and_not_the_previous_one(golden_data: DataFolder) -> None:
    items = Beaf().load(golden_data)[:2]
    assert measured(Beaf(), items, ["Yes.", "Correct"])["accuracy"] == 0.5
    assert measured(Beaf(variant="official"), items, ["Yes.", "Correct"])["accuracy"] == 1.0


GONE = [  # a dog, painted out in the second image; a cat that stays
    ROW | {"removed_q": True},
    {**ROW, "id": 1, "question": "Is there a cat?"},
    {**ROW, "id": 2, "image": "COCO_1_01.png", "orig_img": False, "removed_q": True, "gt": "no"},
    {**ROW, "id": 3, "image": "COCO_1_01.png", "orig_img": False, "question": "Is there a cat?"},
]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["Yes", "Yes", "There isn't any.", "Yes"], {"sb_plus": 0.0, "precision": 1.0, "accuracy": 0.75, "tu": 0.0, "id": 0.0}),
        (["Hm.", "Hm.", "Hm.", "Hm."], {"ig": 0.0, "sb_minus": 0.0, "accuracy": 0.0, "recall": 0.0, "tu": 0.0, "id": 0.0}),
        (["Hm.", "Yes", "No", "Hm."], {"sb_minus": 0.0, "tu": 0.0, "id": 1.0, "accuracy": 0.5, "recall": 1 / 3}),
    ],
)
def test_an_unread_answer_is_wrong_but_neither_yes_nor_no(answers: list[str], expected: dict, folder: DataFolder) -> None:
    put(folder, "beaf/beaf_qna.json", GONE)
    got = measured(Beaf(), Beaf().load(folder), answers)
    assert {name: got[name] for name in expected} == pytest.approx(expected)


def test_where_nothing_was_read_precision_is_unknown(folder: DataFolder) -> None:
    put(folder, "beaf/beaf_qna.json", GONE)
    got = measured(Beaf(), Beaf().load(folder), ["Hm."] * 4)["precision"]
    assert got != got


def test_an_edited_image_without_its_original_is_counted_and_in_no_metric_of_change(golden_data: DataFolder) -> None:
    edited = [item for item in Beaf().load(golden_data) if item.truth["edited"]][:4]
    got = measured(Beaf(), edited, ["no"] * 4)
    assert got["without_original"] == 1.0 and got["tu"] != got["tu"] and got["id"] != got["id"]


def test_all_versions_of_an_image_are_one_cluster(golden_data: DataFolder) -> None:
    assert {i.cluster for i in Beaf().load(golden_data)} == {i.truth["original"] for i in Beaf().load(golden_data)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gt": "perhaps"}, "the label is 'perhaps'"),
        ({"image": " "}, "'image' names no image file"),
        ({"orig_img": "no"}, "must be true or false"),
        ({"orig_img": False}, "named ..._NN.png"),
        ({"id": 0}, "repeats id 0"),
    ],
)
def test_a_bad_row_is_named(change: dict, words: str, folder: DataFolder) -> None:
    put(folder, "beaf/beaf_qna.json", [ROW, {**ROW, "id": 1, **change}])
    with pytest.raises(DataError, match=words) as raised:
        Beaf().load(folder)
    assert "beaf/beaf_qna.json, line 2" in str(raised.value)
