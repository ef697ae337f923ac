"""Rows whose two answers were not given to the one question that a pair holds are left out and counted, in every form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.core import registry
from harness.core.errors import DataError
from harness.core.plugins import NoModel
from harness.storage.data_folder import DataFolder
from tests.alignment.rows.test_unread_keys import FORMS, SWIFT, read
from tests.alignment.sources.test_published_datasets import LLAVA_RLHF, POVID, TURNS

OTHER = "another question for the rejected answer"
ASKED, ANSWER = SWIFT["messages"]
WORSE = {"role": "assistant", "content": "A dog."}
SWIFT_TURNS = {"messages": [ASKED, ANSWER], "images": ["a.png"]}
SYSTEM = {"from": "system", "value": "Be terse."}
HUMAN, GPT = TURNS


def dropped_of(folder: Path, source: str, row: dict[str, Any], good: dict[str, Any]) -> tuple[int, dict[str, int]]:
    """How many of two rows of a published set become pairs, and why one does not."""
    Image.new("RGB", (8, 8)).save(folder / "a.jpg")
    (folder / "rows.json").write_text(json.dumps([good, row]))
    made = registry.make("source", source, {"file": "rows.json"})
    return len(list(made.pairs(DataFolder(folder), NoModel(), 0))), made.report()["dropped"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"system": "Answer in French."}, "system prompt"), ({"history": [["Hi", "Hello"]]}, "earlier turns"),
        ({"audios": ["q.wav"]}, "audio"), ({"videos": ["v.mp4"]}, "video"), ({"tools": '[{"name": "zoom"}]'}, "tools"),
        ({"rejected_images": ["b.png"]}, "another image for the rejected answer"),
    ],
)  # fmt: skip
def test_what_a_pair_cannot_hold_is_counted_in_every_form(tmp_path: Path, form: str, extra: dict, reason: str) -> None:
    good = {**FORMS[form], "images": ["a.png"]}
    pairs, dropped = read(tmp_path, [good, {**good, **extra}])
    assert (len(pairs), dropped) == (1, {reason: 1})


@pytest.mark.parametrize("form", FORMS)
def test_keys_that_hold_nothing_leave_a_row_as_it_is(tmp_path: Path, form: str) -> None:
    empty = {"system": " ", "history": [], "audios": None, "tools": "[]", "rejected_images": ["a.png"]}
    assert len(read(tmp_path, [{**FORMS[form], "images": ["a.png"], **empty}])[0]) == 1


@pytest.mark.parametrize(
    "worse",
    [[{**ASKED, "content": "How many?"}, WORSE], [ASKED, ANSWER, {**ASKED, "content": "Really?"}, WORSE], [WORSE]],
    ids=["other question", "more turns", "no question"],
)
def test_rejected_messages_that_ask_otherwise_are_counted(tmp_path: Path, worse: list[Any]) -> None:
    good = {**SWIFT_TURNS, "rejected_messages": [{**ASKED, "content": "<image>\nWhat?"}, WORSE]}
    pairs, dropped = read(tmp_path, [good, {**good, "rejected_messages": worse}])
    assert [p.rejected for p in pairs] == [("A dog.",)] and dropped == {OTHER: 1}


def test_rejected_messages_that_end_with_the_user_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 1: 'rejected_messages' must end with the assistant's answer"):
        read(tmp_path, [{**SWIFT_TURNS, "rejected_messages": [ASKED]}])


def test_another_image_in_the_place_of_a_rejected_answer_is_counted(tmp_path: Path) -> None:
    row = {**SWIFT_TURNS, "rejected_images": ["b.png"]}
    assert read(tmp_path, [{**SWIFT_TURNS, "rejected_response": "A dog."}, row])[1] == {
        "another image for the rejected answer": 1
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rejected_conversations": [{**HUMAN, "value": "<image>\nHow many?"}, GPT]}, OTHER),
        ({"rejected_conversations": [HUMAN, GPT, HUMAN, GPT]}, OTHER),
        ({"conversations": [HUMAN, GPT, GPT]}, "earlier turns"),
        ({"conversations": [SYSTEM, HUMAN, GPT]}, "system prompt"),
    ],
)
def test_povid_conversations_that_are_not_one_question_are_counted(tmp_path: Path, change: dict, reason: str) -> None:
    good = {**POVID, "rejected_conversations": [{**HUMAN, "value": "What is  it?"}, POVID["rejected_conversations"][1]]}
    assert dropped_of(tmp_path, "povid", {**POVID, **change}, good) == (1, {reason: 1})


@pytest.mark.parametrize(("first", "reason"), [(SYSTEM, "system prompt"), (GPT, "earlier turns")])
def test_llava_rlhf_turns_in_front_of_the_question_are_counted(tmp_path: Path, first: dict, reason: str) -> None:
    row = {**LLAVA_RLHF, "conversations": [first, HUMAN]}
    assert dropped_of(tmp_path, "llava_rlhf", row, LLAVA_RLHF) == (1, {reason: 1})
