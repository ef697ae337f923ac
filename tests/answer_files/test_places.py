"""Rows without an id go by their place: they are compared where they repeat question or image, and the reader is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import harness
from benchmarks.mmhal_bench import MmhalBench
from harness.answer_files.matching import match
from harness.answer_files.places import Asked, Places, in_order
from harness.answer_files.rows import FileRow
from harness.core.edge.answer_form import as_key
from harness.core.errors import DataError
from harness.core.evaluation import Item
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import golden, golden_lines, put

ITEMS = [Item("1", "coco/a.jpg", "Is there a dog?"), Item("2", "coco/b.jpg", "Is there a cat?")]
ASKED = Asked.of(ITEMS)
POPES = ("Is there a dog in the image?", "Is there a cat in the image?")


def row(**values: str) -> FileRow:
    return FileRow("a.jsonl, line 1", "a", values)


def lines(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    "values", [{"image": "a.jpg"}, {"image_src": "https://x.org/y/a.jpg"}, {"question": "Is there a dog?"}]
)
def test_a_row_fits_its_place_by_image_or_question(values: dict[str, str]) -> None:
    assert ASKED.fits(row(**values), ITEMS[0])


def test_a_row_about_another_items_image_is_refused() -> None:
    with pytest.raises(DataError, match=r"line 1 has no id and is about the image 'b.png', but the question at its place, 1"):
        ASKED.check(row(image="b.png"), ITEMS[0], by_place=True)


def test_a_row_with_an_id_that_names_another_items_image_is_refused(score, pope: DataFolder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1 is about the image 'b.png', but the question that it goes by, 1, is about"):
        ASKED.check(row(image="b.png"), ITEMS[0], by_place=False)
    assert not ASKED.check(row(image="a.png"), ITEMS[0], by_place=False) and not ASKED.check(row(image="c"), ITEMS[0], False)


def test_of_rows_with_ids_the_image_is_compared(score, golden_data: DataFolder, tmp_path: Path) -> None:
    items = harness.load_benchmark("naturalbench", data=golden_data.folder, output=tmp_path).items
    first, other = items[0], next(item for item in items if item.image != items[0].image)
    index, case = first.id.split("/")
    file = lines(tmp_path / "a.jsonl", [{"Index": int(index), "case": case, "image": other.image, "answer": "Yes"}])
    with pytest.raises(DataError, match=rf"a.jsonl is about the image .* {first.id}, is about"):
        score("naturalbench", "--answers", file, data=golden_data)


def test_a_question_that_all_images_are_asked_is_told_as_the_option_that_sets_it() -> None:
    same = Asked.of([Item(str(n), f"{n}.jpg", "Describe the image.") for n in range(2)], optional=True)
    with pytest.raises(DataError, match=r"give it as the benchmark's option: 'prompt=What is this\?'"):
        same.check(row(question="What is this?"), Item("0", "0.jpg", "Describe the image."), by_place=False)


def test_an_image_of_no_item_and_a_question_that_all_items_share_show_nothing() -> None:
    same = [Item(str(n), "", "Describe the image.") for n in range(2)]
    assert not Asked.of(same).fits(row(question="Describe the image."), same[1])
    assert not ASKED.fits(row(image="/9j/4AAQSkZJRg=="), ITEMS[0])


def test_the_line_says_how_many_rows_were_checked() -> None:
    assert Places().note() == ""
    assert Places(2, 2).note() == "2 rows without an id: matched by place, whose questions or images fit."
    assert Places(3, 1).note() == "3 rows without an id: matched by place, 1 of them with a question or image that fits."
    assert Places(1, 0).note().startswith("1 row without an id: matched by place: not checked. ")


def test_answers_alone_are_said_to_be_unchecked(score, pope: DataFolder, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", [{"answer": "No"}, {"answer": "No"}])
    score("pope", "splits=[random]", "--answers", file, data=pope)
    assert "2 rows without an id: matched by place: not checked." in score.said


def test_answers_with_their_questions_are_said_to_fit(score, pope: DataFolder, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", [{"question": question, "answer": "No"} for question in POPES])
    score("pope", "splits=[random]", "--answers", file, data=pope)
    assert "2 rows without an id: matched by place, whose questions or images fit." in score.said


def test_answers_with_their_questions_in_another_order_are_refused(score, pope: DataFolder, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", [{"question": question, "answer": "No"} for question in reversed(POPES)])
    with pytest.raises(DataError, match="or in another order"):
        score("pope", "splits=[random]", "--answers", file, data=pope)


def test_of_rows_with_ids_nothing_is_said(score, pope: DataFolder, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", [{"question_id": n, "answer": "No"} for n in (1, 2)])
    score("pope", "splits=[random]", "--answers", file, data=pope)
    assert "by place" not in score.said


def test_answers_by_place_are_of_the_split_that_the_files_name_tells(score, pope: DataFolder, tmp_path: Path) -> None:
    said = {"random": ("Yes", "No"), "popular": ("No", "No"), "adversarial": ("No", "Yes")}  # not in alphabetical order
    files = [lines(tmp_path / f"m_{split}.jsonl", [{"answer": text} for text in texts]) for split, texts in said.items()]
    got = score("pope", *(word for file in files for word in ("--answers", file)), data=pope)
    assert [got[f"accuracy[{split}]"] for split in said] == [1.0, 0.5, 0.0]


def test_answers_by_place_of_a_split_that_is_not_asked_are_not_scored(score, pope: DataFolder, tmp_path: Path) -> None:
    file = lines(tmp_path / "popular.jsonl", [{"answer": "Yes"}, {"answer": "No"}])
    with pytest.raises(DataError, match=r"No row of popular.jsonl.*\(popular/1\).* tells 'popular', of which no question is"):
        score("pope", "splits=[random]", "--answers", file, data=pope)
    both = [{"question_id": 7, "category": split, "answer": "No"} for split in ("popular", "random")]
    with pytest.raises(DataError, match="Is it another benchmark's file"):
        score("pope", "splits=[random]", "--answers", lines(tmp_path / "a.jsonl", both), data=pope)


def test_answers_by_place_that_tell_no_split_of_several_are_refused(score, pope: DataFolder, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", [{"answer": "No"}] * 6)
    with pytest.raises(DataError, match=r"line 1 names no item.* but in which file\? Say which split"):
        score("pope", "--answers", file, data=pope)


def test_a_row_that_its_split_no_longer_has_is_no_other_splits(score, pope: DataFolder, tmp_path: Path) -> None:
    left = {"random": (1, POPES[0], "yes"), "popular": (2, "Is there a car in the image?", "no")}
    for split, (number, text, label) in left.items():
        kept = [{"question_id": number, "image": "a.jpg", "text": text, "label": label}]
        put(pope, f"pope/coco_repope_{split}.json", kept)
    rows = [{"question_id": n, "prompt": question, "text": "No"} for n, question in enumerate(POPES, 1)]
    file = lines(tmp_path / "random.jsonl", rows)
    score("pope", "labels=repope", "splits=[random,popular]", "--answers", file, data=pope)
    assert "1 row without an item, not scored" in score.said and "(random/2)" in score.said


def numbered(ids: Sequence[object]) -> list[FileRow]:
    return [FileRow(f"a.jsonl, line {n}", "a", {"question_id": one}) for n, one in enumerate(ids, 1)]


@pytest.mark.parametrize("first", [0, 1])
def test_rows_whose_ids_count_the_questions_are_put_in_their_order(first: int) -> None:
    rows = numbered([first + 2, first, f"{first + 1}.0"])
    assert in_order(rows) == [rows[1], rows[2], rows[0]]


@pytest.mark.parametrize("ids", [[3, 7, 19], ["q_3", "q_19"], ["9b", "0a", "5c"], ["x9", "y1"], [None, None]], ids=str)
def test_rows_whose_ids_rise_or_are_words_stay_where_they_are(ids: list) -> None:
    assert in_order(numbered(ids)) == numbered(ids)


@pytest.mark.parametrize("ids", [[3, 19, 7], [0, 1, 1], [2, 1, 3, None], [4, 3, 2]], ids=str)
def test_ids_in_another_order_that_do_not_count_the_questions_are_refused(ids: list) -> None:
    with pytest.raises(
        DataError, match=r"line \d goes by its place, since no question goes by its id, but the id '\d' comes be"
    ):
        in_order(numbered(ids))


def test_rows_that_repeat_question_and_image_of_their_place_may_have_any_ids() -> None:
    items = [replace(one, truth={"question_type": "other"}) for one in ITEMS]
    rows = [
        FileRow(f"a, line {n}", "a", {"id": key, "question": one.question, "image": one.image, "answer": "Yes"})
        for n, (key, one) in enumerate(zip((19, 3), ITEMS, strict=True), 1)
    ]
    found = match(items, MmhalBench.answer_form, rows, [], ["mmhal"]).places.note()
    assert found == "2 rows without an id that questions go by: matched by place, whose questions or images fit."
    without_image = [FileRow(row.where, "a", {**row.values, "image": None}) for row in rows]
    with pytest.raises(DataError, match="line 2 goes by its place, since no question goes by its id, but the id '3' comes"):
        match(items, MmhalBench.answer_form, without_image, [], ["mmhal"])


def test_shuffled_rows_of_dash_b_go_by_their_question_id(score, golden_data: DataFolder, tmp_path: Path) -> None:
    rows = [{key: row[key] for key in ("question_id", "response")} for row in golden_lines("dash_b/answers.jsonl")]
    got = score("dash_b", "--answers", lines(tmp_path / "a.jsonl", rows[::-1]), data=golden_data)
    assert got["accuracy"] == pytest.approx(golden("dash_b/expected_metrics.json")["all"]["ACC"])
    assert "rows without an id that questions go by: matched by the order of their ids: not checked." in score.said
    (tmp_path / "runs").rename(tmp_path / "before")
    with pytest.raises(DataError, match=r"has the id '1', by which no question goes here, .*Rows with `image_path` go by it"):
        score("dash_b", "--answers", lines(tmp_path / "a.jsonl", rows[1:]), data=golden_data)


def kept(row: dict, *names: str) -> dict:
    return {name: row[name] for name in (*names, "response")}


@pytest.mark.parametrize("others", [(), ("question_id",)])
def test_rows_of_dash_b_of_which_some_have_a_path_are_read_in_their_order(
    others: tuple[str, ...], score, golden_data: DataFolder, tmp_path: Path
) -> None:
    given = golden_lines("dash_b/answers.jsonl")
    rows = [kept(row, *others, *(["image_path"] if n % 2 else [])) for n, row in enumerate(given)]
    got = score("dash_b", "--answers", lines(tmp_path / "a.jsonl", rows), data=golden_data)
    assert got["accuracy"] == pytest.approx(golden("dash_b/expected_metrics.json")["all"]["ACC"])
    assert f"{len(rows) // 2} rows without an id" in score.said
    (tmp_path / "runs").rename(tmp_path / "before")
    turned = lines(tmp_path / "a.jsonl", rows[::-1])
    if others:
        assert score("dash_b", "--answers", turned, data=golden_data) == got
        return
    with pytest.raises(DataError, match=r"line \d+ stands at the place of .*, so that rows without an id, .* cannot go by"):
        score("dash_b", "--answers", turned, data=golden_data)


def test_rows_of_naturalbench_without_a_case_must_have_the_index_of_their_place(
    score, golden_data: DataFolder, tmp_path: Path
) -> None:
    rows = [{"Index": row["Index"], "answer": row["answer"]} for row in golden_lines("naturalbench/answers.jsonl")]
    score("naturalbench", "--answers", lines(tmp_path / "a.jsonl", rows), data=golden_data)
    with pytest.raises(
        DataError, match=r"goes by its place and its Index is '\d+', but the question at its place, 0/q0_i0, has"
    ):
        score("naturalbench", "--answers", lines(tmp_path / "a.jsonl", rows[::-1]), data=golden_data)


def test_reviews_of_mmhal_bench_that_tell_another_type_than_their_place_are_refused() -> None:
    items = [Item(str(n), "", f"What is {n}?", {"question_type": kind}) for n, kind in enumerate(("other", "relation"), 1)]
    rows = [
        FileRow(f"a, line {n}", "a", {"question_type": kind, "content": "Rating: 1"})
        for n, kind in enumerate(("relation", "other"))
    ]
    with pytest.raises(DataError, match="line 0 goes by its place and its question_type is 'relation', .*, 1, has 'other'"):
        match(items, MmhalBench.answer_form, [], rows, ["mmhal"])
    assert match(items, MmhalBench.answer_form, [], rows[::-1], ["mmhal"]).replies


def test_an_id_that_a_table_wrote_with_a_decimal_point_is_the_whole_number() -> None:
    assert [as_key(value) for value in (3, 3.0, "3", " 3.0", "3.5", "v1.0")] == ["3", "3", "3", "3", "3.5", "v1.0"]


def test_rows_of_the_question_file_that_repeat_another_are_named_in_report_and_terminal(score, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    folder = DataFolder(tmp_path / "data", tmp_path / "cache")
    row = {"image": "COCO_1.jpg", "question": "Is there a dog?", "orig_img": True, "removed_q": False, "gt": "yes"}
    put(folder, "beaf/beaf_qna.json", [{"id": 1, **row}, {"id": 2, **row}])
    file = lines(tmp_path / "a.jsonl", [{"id": 1, "answer": "Yes"}, {"id": 2, "answer": "No"}])
    assert score("beaf", "--answers", file, data=folder)["accuracy"] == 0.5
    stated = "rows that repeat another: 1 of 2 ask what another asks about the same image, and each counts."
    (report,) = (tmp_path / "runs").glob("*/report.md")
    for text in (score.said, report.read_text()):
        assert f"BEAF, a: {stated}" in " ".join(text.split())
