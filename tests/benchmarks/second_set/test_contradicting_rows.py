"""Rows that contradict each other are refused with both places; letters and words that a rule reads are read in every form."""

from __future__ import annotations

import pytest

from benchmarks._choice.letters import first_word
from benchmarks._hallusion.answer_form import ANSWER_FORM
from benchmarks.choice.mmstar import VARIANTS, MmStar
from benchmarks.choice.mmvp import Mmvp
from benchmarks.yes_no.beaf import Beaf
from benchmarks.yes_no.hallusionbench import HallusionBench
from benchmarks.yes_no.mme import Mme
from harness.core.errors import DataError
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import golden, golden_lines, put, said
from tests.benchmarks.second_set.golden_cases import measured


@pytest.mark.parametrize(("image", "message"), [
    ("existence/a.jpg", "line 2: the category is 'count' but existence/a.jpg is an image of 'existence'"),
    ("a.jpg", "line 2: the category is 'count', and 'existence' in mme/questions.jsonl, line 1; both questions about a.jpg"),
])  # fmt: skip
def test_the_two_questions_about_an_image_of_mme_are_of_one_task(image: str, message: str, folder: DataFolder) -> None:
    rows = [{"question_id": image, "category": "existence", "question": f"Is there a {o}?", "answer": label}
            for o, label in (("dog", "Yes"), ("cat", "No"))]  # fmt: skip
    put(folder, "mme/questions.jsonl", rows)
    assert [item.truth["task"] for item in Mme().load(folder)] == ["existence", "existence"]
    put(folder, "mme/questions.jsonl", [rows[0], {**rows[1], "category": "count"}])
    with pytest.raises(DataError, match=message):
        Mme().load(folder)


EDITED = {"question": "Is there a dog?", "removed_q": True}
BEAF = [
    {"id": 1, "image": "COCO_1.jpg", "orig_img": True, "gt": "yes", **EDITED},
    {"id": 2, "image": "COCO_1_01.png", "orig_img": False, "gt": "no", **EDITED},
]


def test_opposite_labels_of_one_question_of_beaf_are_refused_and_copies_are_counted(folder: DataFolder) -> None:
    put(folder, "beaf/beaf_qna.json", [*BEAF, {**BEAF[0], "id": 3, "gt": "no"}])
    with pytest.raises(DataError, match=r"line 3 is about COCO_1.jpg with 'Is there a dog\?', as .*line 1 is, but they differ"):
        Beaf().load(folder)
    put(folder, "beaf/beaf_qna.json", [*BEAF, {**BEAF[0], "id": 3}])
    beaf = Beaf()
    items = beaf.load(folder)
    stated = "1 of 3 ask what another asks about the same image, and each counts"
    assert beaf.facts()["rows that repeat another"] == stated
    assert measured(beaf, items, ["Yes", "No", "Yes"])["tu"] == 1.0


FIVE = {
    "index": 0, "question": "What is it?", "image": "0.jpg", "answer": "E", "options": {c: c * 3 for c in "ABCDE"},
    "category": "coarse perception", "l2_category": "image emotion",
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_letter_of_a_fifth_option_is_read(variant: str, folder: DataFolder) -> None:
    put(folder, "mmstar/mmstar.jsonl", [FIVE, {**FIVE, "index": 1, "answer": "A"}])
    bench = MmStar(variant=variant)
    scores = [bench.score(item, said("E")) for item in bench.load(folder)]
    assert [(score.reading, score.correct) for score in scores] == [("E", True), ("E", False)]


def test_an_item_of_four_options_has_no_fifth_letter(folder: DataFolder) -> None:
    put(folder, "mmstar/mmstar.jsonl", [{**FIVE, "answer": "A", "options": {c: c * 3 for c in "ABCD"}}])
    (item,) = MmStar().load(folder)
    assert MmStar().score(item, said("E")).reading == "none"


@pytest.mark.parametrize(("answer", "code"), [
    ("Ye\u017f", 1), ("ye\u017f, no", 1), ("no, ye\u017f", 0), ("YES", 1), ("No", 0), ("maybe", -1), ("eye\u017f", -1),
])  # fmt: skip
def test_a_yes_with_a_long_s_is_a_yes_as_in_the_official_code(answer: str, code: int) -> None:
    assert first_word(answer, "yes") == code


def test_ids_of_hallusionbench_are_numbers_however_they_are_written(folder: DataFolder) -> None:
    rows = golden("hallusionbench/HallusionBench.json")
    plain = next(row for row in rows if row["category"] == "VS" and row["figure_id"] == "0")
    padded = {**plain, "set_id": f"0{plain['set_id']}", "figure_id": "00", "question_id": f"0{plain['question_id']}"}
    put(folder, "hallusionbench/HallusionBench.json", [plain])
    (item,) = HallusionBench().load(folder)
    put(folder, "hallusionbench/HallusionBench.json", [padded])
    assert HallusionBench().load(folder) == [item]
    assert ANSWER_FORM.keys(padded) == ANSWER_FORM.keys(plain) == [item.id]
    put(folder, "hallusionbench/HallusionBench.json", [plain, padded])
    with pytest.raises(DataError, match=f"repeats the question {item.id} of"):
        HallusionBench().load(folder)


HEAD = "Index,Question,Options,Correct Answer\n"


@pytest.mark.parametrize(("text", "message"), [
    (HEAD + "1,Open?,(a) Yes (b) No,(a),9\n", "Questions.csv, line 2 has 5 cells and the first line 4"),
    (HEAD + "1,Open?,(a) Yes (b) No\n", "Questions.csv, line 2: 'Correct Answer' should be text but is null"),
    ("<!DOCTYPE html><html>404</html>", "Questions.csv has one line and no rows below it"),
    ("", "Questions.csv is empty"),
    ((HEAD + "1,Open?,(a) Yes (b) No,(a)\n").replace(",", ";"), "the columns are separated by ';'. Save the file with commas"),
])  # fmt: skip
def test_a_table_of_another_form_is_said_as_what_it_is(text: str, message: str, folder: DataFolder) -> None:
    put(folder, "mmvp/Questions.csv", text)
    with pytest.raises(DataError, match=message):
        Mmvp().load(folder)


def test_the_golden_question_files_repeat_nothing(golden_data: DataFolder) -> None:
    for bench in (Beaf(), Mme(), HallusionBench()):
        bench.load(golden_data)
        assert "rows that repeat another" not in bench.facts()
    assert len({row["question_id"].split("/")[0] for row in golden_lines("mme/questions.jsonl")}) == 14
