"""Rows with an id: the image that they name must be one that is asked about, and the id that of the question they repeat."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import DataError
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import put

COCO = [f"COCO_val2014_{n:012d}.jpg" for n in (11, 12)]
ASKED = "Is there a dog in the image?"


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    """One question about each of two images of COCO."""
    (tmp_path / "data").mkdir()
    folder = DataFolder(tmp_path / "data", tmp_path / "cache")
    rows = [
        {"question_id": n, "image": image, "text": ASKED, "label": label}
        for n, (image, label) in enumerate(zip(COCO, ("yes", "no"), strict=True), 1)
    ]
    put(folder, "pope/coco_pope_random.json", rows)
    return folder


def answers(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps({"question_id": n, "answer": "Yes"} | row) + "\n" for n, row in enumerate(rows, 1)))
    return path


@pytest.mark.parametrize("more", [{}, {"question": ASKED}])
def test_images_of_coco_that_no_question_is_about_are_refused(score, data: DataFolder, tmp_path: Path, more: dict) -> None:
    rows = [{"image": f"COCO_val2014_{n:012d}.jpg", **more} for n in (71, 72)]
    with pytest.raises(DataError, match=r"line 1 is about the image '\w+71.jpg', which no question is about"):
        score("pope", "splits=[random]", "--answers", answers(tmp_path / "a.jsonl", *rows), data=data)


def test_one_such_image_is_refused_where_another_row_names_images_as_the_questions_do(
    score, data: DataFolder, tmp_path: Path
) -> None:
    file = answers(tmp_path / "a.jsonl", {"image": COCO[0]}, {"image": "other.jpg"})
    with pytest.raises(DataError, match=r"line 2 is about the image 'other.jpg'"):
        score("pope", "splits=[random]", "--answers", file, data=data)


def test_images_that_are_named_in_a_form_of_their_own_are_said_to_be_unchecked(score, data: DataFolder, tmp_path: Path) -> None:
    file = answers(tmp_path / "a.jsonl", {"image": "one.jpg"}, {"image": "two.jpg"})
    assert score("pope", "splits=[random]", "--answers", file, data=data)["accuracy"] == 0.5
    assert "Images not checked: no row names one as the questions do ('one.jpg' is not" in score.said


@pytest.mark.parametrize("names", [COCO, [name.removeprefix("COCO_val2014_") for name in COCO], ["x/" + name for name in COCO]])
def test_images_by_cocos_names_are_checked(score, data: DataFolder, tmp_path: Path, names: list[str]) -> None:
    file = answers(tmp_path / "a.jsonl", *({"image": name} for name in names))
    score("pope", "splits=[random]", "--answers", file, data=data)
    assert "not checked" not in score.said and "another question" not in score.said
    with pytest.raises(DataError, match="which no question is about|is about the image"):
        swapped = answers(tmp_path / "b.jsonl", *({"image": name, "question_id": 3 - n} for n, name in enumerate(names, 1)))
        score("pope", "splits=[random]", "--answers", swapped, data=data)


def test_rows_whose_id_is_another_questions_than_their_image_and_question_are_counted(
    score, data: DataFolder, tmp_path: Path
) -> None:
    rows = [{"image": image, "question": ASKED, "question_id": 3 - n} for n, image in enumerate(COCO, 1)]
    score("pope", "splits=[random]", "--answers", answers(tmp_path / "a.jsonl", *rows), data=data)
    assert "2 rows with the id of another question than the image and question that they repeat" in score.said


@pytest.mark.parametrize(("labels", "differ"), [(("yes", "no"), 0), (("no", "no"), 1)])
def test_labels_that_rows_state_are_compared(
    score, data: DataFolder, tmp_path: Path, labels: tuple[str, str], differ: int
) -> None:
    file = answers(tmp_path / "a.jsonl", *({"label": label} for label in labels))
    score("pope", "splits=[random]", "--answers", file, data=data)
    (report,) = (tmp_path / "runs").glob("*/report.json")
    said = json.loads(report.read_text())["protocols"]["pope"].get("labels of the log", "")
    assert said == ("differ from the data folder's in 1 of 2 rows" if differ else "")
