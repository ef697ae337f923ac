"""Rows that contradict each other are refused with both places; rows that are there twice are counted."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.llava_bench import LlavaBench
from benchmarks.mmhal_bench import MmhalBench
from benchmarks.object_halbench import ObjectHalbench
from benchmarks.pope import Pope
from harness.core.errors import DataError
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import Replies, put, put_coco


def llava(folder: DataFolder, **more: list[dict[str, Any]]) -> DataFolder:
    rows = {
        "questions": [{"question_id": 0, "image": "1.jpg", "category": "conv", "text": "Q?"}],
        "answers_gpt4": [{"question_id": 0, "text": "A dog."}],
        "context": [{"image": "1.jpg", "caption": ["A dog.", "It runs."]}],
    }
    for name, own in rows.items():
        put(folder, f"llava_bench/{name}.jsonl", [*own, *more.get(name, [])])
    return folder


@pytest.mark.parametrize(("name", "row", "message"), [
    ("questions", {"question_id": "0", "image": "1.jpg", "category": "conv", "text": "Q?"}, "line 2 repeats question_id 0"),
    ("answers_gpt4", {"question_id": "00", "text": "A cat."}, "line 2 is about 0, as .* line 1 is, but they differ: 'A cat.'"),
    ("context", {"image": "1.jpg", "caption": "A cat."}, "line 2 is about 1.jpg, as .* line 1 is, but they differ"),
    ("context", {"image": "2.jpg", "caption": None}, "line 2: 'caption' should be text but is null"),
    ("context", {"image": "2.jpg", "caption": {"a": 1}}, "line 2: 'caption' should be text but is"),
    ("context", {"image": "2.jpg", "caption": ["A dog.", None]}, "line 2: 'caption' should be a list of texts"),
])  # fmt: skip
def test_a_row_of_llava_bench_that_contradicts_another_is_named(name: str, row: dict, message: str, folder: DataFolder) -> None:
    (item,) = LlavaBench(Replies()).load(llava(folder))
    assert item.truth["context"] == "A dog.\nIt runs."
    with pytest.raises(DataError, match=f"llava_bench/{name}.jsonl, {message}"):
        LlavaBench(Replies()).load(llava(folder, **{name: [row]}))


def test_references_that_are_there_twice_and_agree_are_one(folder: DataFolder) -> None:
    (item,) = LlavaBench(Replies()).load(llava(folder, answers_gpt4=[{"question_id": "0", "text": "A dog."}]))
    assert item.truth["reference"] == "A dog."


def test_rows_of_mmhal_bench_and_object_halbench_that_are_there_twice_are_counted(folder: DataFolder) -> None:
    row = {"question_type": "other", "image_content": [], "image_src": "x/a.jpg", "question": "Q?", "gt_answer": "A."}
    put(folder, "mmhal/mmhal_bench.json", [row, {**row, "question": "R?"}, row])
    mmhal = MmhalBench(Replies())
    assert len(mmhal.load(folder)) == 3
    stated = "1 of 3 ask what another asks about the same image, and each counts"
    assert mmhal.facts()["rows that repeat another"] == stated
    put_coco(folder, {1: ["dog"]}, {1: ["a dog"]})
    put(folder, "object_halbench/obj_halbench_300_with_image.jsonl", [{"image_id": 1, "question": q} for q in "QRQ"])
    halbench = ObjectHalbench()
    assert len(halbench.load(folder)) == 3 and halbench.facts()["rows that repeat another"] == stated


def test_a_copy_of_one_splits_file_under_another_splits_name_is_refused(folder: DataFolder) -> None:
    rows = [
        {"question_id": n, "image": f"{n}.jpg", "text": "Is there a dog?", "label": "yes" if n % 2 else "no"} for n in range(8)
    ]
    for split in ("random", "popular"):
        put(folder, f"pope/coco_pope_{split}.json", rows)
    pope = Pope(splits=["random", "popular"])
    with pytest.raises(DataError, match="files of random and popular ask the same questions: one is a copy"):
        pope.load(folder)
    put(folder, "pope/coco_pope_popular.json", [*rows[:-1], {**rows[-1], "text": "Is there a cat?"}])
    assert len(pope.load(folder)) == 9


@pytest.mark.parametrize("text", ["", " ", 5, None])
def test_a_question_that_is_empty_or_no_text_is_named(text: Any, folder: DataFolder) -> None:
    rows = [
        {"question_id": n, "image": "a.jpg", "text": f"Is there a {o}?", "label": "no"} for n, o in enumerate(("cat", "dog"))
    ]
    put(folder, "pope/coco_pope_random.json", [rows[0], {**rows[1], "text": text}])
    with pytest.raises(DataError, match=r"coco_pope_random.json, line 2: 'text' should be a question but is"):
        Pope(splits=["random"]).load(folder)


def test_a_wrong_label_of_a_revised_file_is_named_in_that_file(folder: DataFolder) -> None:
    rows = [
        {"question_id": n, "image": "a.jpg", "text": f"Is there a {o}?", "label": "no"} for n, o in enumerate(("cat", "dog"))
    ]
    put(folder, "pope/coco_pope_random.json", rows)
    put(folder, "pope/coco_repope_random.json", [{**rows[1], "label": "maybe"}])
    with pytest.raises(DataError, match="pope/coco_repope_random.json, line 1: the label is 'maybe'"):
        Pope(splits=["random"], labels="repope").load(folder)


def test_questions_that_stand_twice_in_a_split_of_pope_are_counted(folder: DataFolder) -> None:
    rows = [
        {"question_id": n, "image": "a.jpg", "text": f"Is there a {o}?", "label": label}
        for n, (o, label) in enumerate((("cat", "no"), ("dog", "yes"), ("cat", "yes")))
    ]
    for split, listed in (("random", rows), ("popular", rows[:2])):
        put(folder, f"pope/coco_pope_{split}.json", listed)
    pope = Pope(splits=["random", "popular"])
    pope.load(folder)
    stated = "1 of 5 ask what another asks about the same image, and each counts"
    assert pope.facts()["rows that repeat another"] == stated
    one = Pope(splits=["popular"])
    one.load(folder)
    assert "rows that repeat another" not in one.facts()
