"""Whose answer a row is: names that several questions share, ids that are counted otherwise, rows that disagree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.answer_files.matching import Matched, match
from harness.answer_files.rows import rows_of
from harness.core.edge.answer_form import AnswerForm
from harness.core.errors import DataError
from harness.core.evaluation import Item
from harness.storage.data_folder import DataFolder
from tests.answer_files.conftest import ABSENT


def lines(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def ids(*texts: str, start: int = 1) -> list[dict]:
    return [{"question_id": n, "text": text} for n, text in enumerate(texts, start)]


def matched(items: list[Item], file: Path, form: AnswerForm, tasks: tuple[str, ...] = ()) -> Matched:
    return match(items, form, rows_of(file), [], tasks)


def test_two_answers_to_one_id_of_pope_are_one_error_that_names_both_rows(score, pope: DataFolder, tmp_path: Path) -> None:
    file = lines(tmp_path / "random.jsonl", [*ids("Yes", "No"), *ids("No")])
    with pytest.raises(DataError, match=r"line 3 gives another answer to a.jpg Is there a dog.*line 1 \('No', not 'Yes'\)"):
        score("pope", "--answers", file, "splits=[random]", data=pope)


def test_the_same_answer_given_twice_is_one_answer(score, pope: DataFolder, tmp_path: Path) -> None:
    file = lines(tmp_path / "random.jsonl", [*ids("Yes", "Yes"), *ids("Yes", "Yes")])
    assert score("pope", "--answers", file, "splits=[random]", data=pope)["accuracy"] == 0.5
    assert "2 of 2 items have an answer" in score.said


def test_splits_that_answer_one_question_differently_are_each_scored_by_their_own_answer(
    score, pope: DataFolder, tmp_path: Path
) -> None:
    (tmp_path / "answers").mkdir()
    for split, texts in (("random", ("Yes", "No")), ("popular", ("No", "No")), ("adversarial", ("No", "Yes"))):
        lines(tmp_path / f"answers/{split}.jsonl", ids(*texts))
    got = score("pope", "--answers", tmp_path / "answers", data=pope)
    assert [got[f"accuracy[{split}]"] for split in ABSENT] == [1.0, 0.5, 0.0]
    assert "6 of 6 items have an answer" in score.said


def test_where_two_splits_differ_the_third_is_missing_not_answered_by_one_of_them(
    score, pope: DataFolder, tmp_path: Path
) -> None:
    rows = [{**row, "category": split} for split, text in (("random", "Yes"), ("popular", "No")) for row in ids(text, "No")]
    score("pope", "--answers", lines(tmp_path / "a.jsonl", rows), data=pope)
    assert "4 of 6 items have an answer" in score.said and "(adversarial/1)" in score.said


@pytest.mark.parametrize("name", ["mine.jsonl", "random-init_popular.jsonl"])
def test_an_id_that_questions_of_several_splits_bear_is_refused(name: str, score, pope: DataFolder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2 goes by '2', but 3 questions do.*`category`.*splits=\[random\]"):
        score("pope", "--answers", lines(tmp_path / name, ids("Yes", "No")), data=pope)


def test_of_one_split_alone_the_bare_id_is_enough_whatever_the_file_is_called(score, pope: DataFolder, tmp_path: Path) -> None:
    file = lines(tmp_path / "random-init_popular.jsonl", ids("Yes", "No"))
    assert score("pope", "--answers", file, "splits=[popular]", data=pope)["accuracy"] == 1.0


def test_another_splits_file_is_not_taken_for_the_one_that_is_scored(score, pope: DataFolder, tmp_path: Path) -> None:
    file = lines(tmp_path / "popular.jsonl", ids("Yes", "No"))
    with pytest.raises(DataError, match=r"No row of popular.jsonl.*\(popular/1\)"):
        score("pope", "--answers", file, "splits=[random]", data=pope)


def test_a_splits_word_in_the_name_for_another_reason_is_no_matter_where_rows_repeat_their_question(
    score, pope: DataFolder, tmp_path: Path
) -> None:
    asked = [f"Is there a {thing} in the image?" for thing in ("dog", ABSENT["adversarial"])]
    rows = [{**row, "question": question} for row, question in zip(ids("Yes", "No"), asked, strict=True)]
    file = lines(tmp_path / "random_seed.jsonl", rows)
    assert score("pope", "--answers", file, "splits=[adversarial]", data=pope)["accuracy"] == 1.0


def test_image_and_question_name_a_row_whatever_its_number(score, pope: DataFolder, tmp_path: Path) -> None:
    things = [("dog", "Yes"), (ABSENT["random"], "No")]
    rows = [
        {"index": n, "image": "a.jpg", "question": f"Is there a {thing} in the image?", "answer": text}
        for n, (thing, text) in enumerate(things)
    ]
    assert score("pope", "--answers", lines(tmp_path / "mine.jsonl", rows), data=pope)["accuracy[random]"] == 1.0


def test_a_category_counts_before_the_files_name(score, pope: DataFolder, tmp_path: Path) -> None:
    rows = [{**row, "category": split} for split in ABSENT for row in ids("Yes", "No")]
    assert score("pope", "--answers", lines(tmp_path / "popular.jsonl", rows), data=pope)["accuracy"] == 1.0


ITEMS = [Item("1", "a.jpg", "Is it red?"), Item("2", "a.jpg", "Is it red?"), Item("3", "b.jpg", "Is it red?")]
BY_IMAGE = AnswerForm(keys=lambda row: [row["image"]], names=lambda item: [item.image, item.id])


def test_a_question_that_is_listed_twice_is_answered_by_two_rows_in_their_order(tmp_path: Path) -> None:
    rows = [{"image": image, "answer": text} for image, text in (("a.jpg", "Yes"), ("b.jpg", "No"), ("a.jpg", "Yes, it is."))]
    found = matched(ITEMS, lines(tmp_path / "a.jsonl", rows), BY_IMAGE)
    assert found.answers == {"1": "Yes", "2": "Yes, it is.", "3": "No"}


def test_two_replies_of_a_judge_to_one_answer_are_an_error(tmp_path: Path) -> None:
    rows = [{"id": "3", "answer": "Yes", "reply": reply} for reply in ("Rating: 5", "Rating: 1")]
    with pytest.raises(DataError, match="line 2 holds another reply of the judge to 3"):
        matched(ITEMS, lines(tmp_path / "a.jsonl", rows), AnswerForm(replies={"rate": ("reply",)}), ("rate",))


@pytest.mark.parametrize(("start", "number"), [(0, 2), (0, 1), (2, 2)])
def test_ids_that_are_all_counted_one_too_low_or_too_high_are_refused(
    start: int, number: int, score, pope: DataFolder, tmp_path: Path
) -> None:
    file = lines(tmp_path / "random.jsonl", ids(*["Yes", "No"][:number], start=start))
    with pytest.raises(DataError, match=f"'random/{0 if start == 0 else 3}', which no question does, but if all ids were"):
        score("pope", "--answers", file, "splits=[random]", data=pope)


def test_rows_without_an_item_are_a_warning_where_no_row_repeats_its_question(score, pope: DataFolder, tmp_path: Path) -> None:
    file = lines(tmp_path / "random.jsonl", [*ids("Yes", "No"), *ids("No", start=9)])
    assert score("pope", "--answers", file, "splits=[random]", data=pope)["accuracy"] == 1.0
    assert "without an item" in score.said and "No row repeats its question" in score.said


def test_rows_that_repeat_their_questions_need_no_such_warning(score, pope: DataFolder, tmp_path: Path) -> None:
    row = {"question_id": 1, "question": "Is there a dog in the image?", "text": "Yes"}
    score("pope", "--answers", lines(tmp_path / "random.jsonl", [row, *ids("No", start=9)]), "splits=[random]", data=pope)
    assert "without an item" in score.said and "No row repeats" not in score.said


def test_a_row_without_an_item_is_counted_once_however_many_replies_it_holds(tmp_path: Path) -> None:
    form = AnswerForm(replies={"rate": ("first",), "same": ("second",)})
    answers = lines(tmp_path / "a.jsonl", [{"id": number, "answer": "Yes"} for number in ("3", "x")])
    reviews = lines(tmp_path / "r.jsonl", [{"id": number, "first": "5", "second": "1"} for number in ("3", "x")])
    found = match(ITEMS, form, rows_of(answers), rows_of(reviews), ("rate", "same"))
    assert len(found.strangers) == 2 and len(found.replies) == 2
