"""Which column `score` takes for the model's answer: never the reference, where a file has both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chair import Chair
from benchmarks.over_refusal import OverRefusal
from harness.answer_files.columns import AnswerColumns
from harness.answer_files.rows import FileRow, rows_of
from harness.core import registry
from harness.core.edge.answer_form import AnswerForm, form_of
from harness.core.errors import DataError
from harness.core.evaluation import Item
from harness.storage.data_folder import DataFolder

ITEM = Item("1", "a.jpg", "Is there a dog in the image?\nAnswer yes or no.", {"label": "yes"})


def read(*rows: dict[str, Any], form: AnswerForm = AnswerForm(), column: str = "") -> list[str]:
    found = [FileRow(f"a.jsonl, line {n}", "a", row) for n, row in enumerate(rows, 1)]
    columns = AnswerColumns.of(found, form, column)
    return [columns.text(row, ITEM) for row in found]


@pytest.mark.parametrize("column", ["prediction", "response", "model_answer", "model_prediction", "pred"])
@pytest.mark.parametrize("name", ["pope", "mme", "gqa", "textvqa", "beaf", "mmvet", "naturalbench", "mmhal_bench", "chair"])
def test_the_models_column_is_read_before_answer_in_every_benchmark(name: str, column: str) -> None:
    form = form_of(registry.get("benchmark", name))
    assert read({"answer": "Yes", "text": "Is there a dog?", column: "No"}, form=form) == ["No"]


def test_the_first_column_that_a_benchmark_names_is_the_models() -> None:
    assert read({"answer": "a reference", "completion": "No"}, form=OverRefusal.answer_form) == ["No"]
    assert read({"text": "Describe it.", "caption": "A dog."}, form=Chair.answer_form) == ["A dog."]


@pytest.mark.parametrize(
    "row", [{"answer": "No"}, {"text": "No", "prompt": "Is there a dog?"}, {"label": "yes", "answer": "No"}]
)
def test_answer_or_text_alone_is_the_models(row: dict[str, str]) -> None:
    assert read(row) == ["No"]


def test_text_that_is_the_question_is_not_an_answer() -> None:
    assert read({"text": "Is there a dog in the image?", "label": "yes", "answer": "No"}) == ["No"]


@pytest.mark.parametrize("other", [{"text": "Yes"}, {"output": "Yes"}, {"caption": "Yes"}])
def test_two_columns_of_which_either_may_be_the_answer_are_refused_unless_one_is_named(other: dict[str, str]) -> None:
    row = {"answer": "No", **other}
    with pytest.raises(DataError, match=rf"line 1: 'answer' is 'No' and '{next(iter(other))}' is 'Yes'.* --column answer, or"):
        read(row)
    assert read(row, column="answer") == ["No"]


def test_two_columns_of_models_with_different_texts_are_refused() -> None:
    with pytest.raises(DataError, match="'prediction' is 'No' and 'response' is 'It is not.'"):
        read({"response": "It is not.", "prediction": "No"})


def test_a_row_that_lacks_the_column_of_its_file_is_not_read_from_the_label() -> None:
    with pytest.raises(DataError, match=r"line 2 has no answer: it has no 'prediction' \(it has answer\)"):
        read({"answer": "Yes", "prediction": "No"}, {"answer": "Yes"})


def test_vlmevalkits_table_is_scored_by_its_prediction_and_a_line_says_so(score, pope: DataFolder, tmp_path: Path) -> None:
    rows = ["index\tquestion\tanswer\tprediction", "1\tIs there a dog in the image?\tYes\tNo",
            "2\tIs there a cat in the image?\tNo\tNo"]  # fmt: skip
    (tmp_path / "a.tsv").write_text("\n".join(rows))
    assert score("pope", "splits=[random]", "--answers", tmp_path / "a.tsv", data=pope)["accuracy"] == 0.5
    assert "Answers are read from 'prediction', not from 'answer'." in score.said


def test_answers_that_are_all_the_labels_are_remarked_on(score, tmp_path: Path) -> None:
    (tmp_path / "data/gqa").mkdir(parents=True)
    asked = {str(n): {"question": f"Who is {n}?", "answer": f"dog {n}", "imageId": "1", "types": {}} for n in range(20)}
    (tmp_path / "data/gqa/testdev_balanced_questions.json").write_text(json.dumps(asked))
    rows = [{"questionId": n, "answer": row["answer"]} for n, row in asked.items()]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    folder = DataFolder(tmp_path / "data", tmp_path / "cache")
    assert score("gqa", "--answers", tmp_path / "a.json", data=folder)["accuracy"] == 1.0
    assert "All 20 answers are the reference, word for word. Is 'answer' the label?" in score.said


def test_a_table_with_two_columns_of_one_name_is_refused_where_they_differ(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question_id,answer,answer\n1,Yes,Yes\n2,Yes,No\n")
    with pytest.raises(DataError, match="a.csv, line 3: two columns named 'answer' hold different texts"):
        rows_of(tmp_path / "a.csv")


def test_columns_without_a_name_and_a_column_that_stands_twice_with_equal_texts_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",,answer,answer\n0,7,Yes,Yes\n")
    assert [dict(row.values) for row in rows_of(tmp_path / "a.csv")] == [{"answer": "Yes"}]


def test_files_of_one_name_have_each_their_own_column(tmp_path: Path) -> None:
    for folder, row in (("a", {"answer": "Yes", "prediction": "No"}), ("b", {"answer": "No"})):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "m.json").write_text(json.dumps([row]))
    rows = [row for folder in ("a", "b") for row in rows_of(tmp_path / folder / "m.json")]
    columns = AnswerColumns.of(rows, AnswerForm())
    assert [columns.text(row, ITEM) for row in rows] == ["No", "No"]


@pytest.mark.parametrize("row", [
    {"image": "a.jpg", "answer": "Yes"}, {"question": "Is there a dog?", "text": "Yes"}, {"prompt": "Q?", "response": "Yes"},
    {"image_path": "neg/a.jpg", "prediction": "Yes", "category": "random"},
])  # fmt: skip
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_one_row_of_texts_is_a_row_and_no_table_of_answers_by_id(row: dict[str, str], name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(json.dumps(row) + "\n")
    assert [dict(found.values) for found in rows_of(tmp_path / name)] == [row]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_an_object_of_answers_by_id_is_a_row_for_each(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text('{"v1_0": "Yes", "v1_1": "No"}')
    assert [dict(row.values) for row in rows_of(tmp_path / name)] == [
        {"id": "v1_0", "answer": "Yes"}, {"id": "v1_1", "answer": "No"}
    ]  # fmt: skip
