"""Turns in TRL's form: a given beginning of the answer is read back, earlier turns are left out and counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alignment.data.pairs import read_rated, read_trl, write_trl
from harness.core import registry
from harness.core.errors import DataError
from harness.core.plugins import NoModel
from harness.core.preference import PreferencePair
from harness.storage.data_folder import DataFolder
from tests.alignment.rows.test_unread_keys import TRL, read

SENTENCE = PreferencePair("a", "a.png", "", "Describe it.", "A cat.", ("A dog.",), "t", {}, "A street. ")
SEVERAL = replace(SENTENCE, id="b", image=("a.png", "b.png"), prompt="Is <image> like <image>?")
PLAIN = replace(SENTENCE, id="c", context="")
USER, ASSISTANT, SYSTEM = ({"role": role, "content": role} for role in ("user", "assistant", "system"))


@pytest.mark.parametrize("pairs", [[SENTENCE, PLAIN], [SENTENCE, SEVERAL]], ids=["texts", "blocks"])
def test_a_trl_file_of_sentences_is_read_back_as_it_was_written(tmp_path: Path, pairs: list[PreferencePair]) -> None:
    write_trl(tmp_path / "p", pairs)
    assert read_trl(tmp_path / "p") == [replace(pair, source="trl") for pair in pairs]


def test_rated_sentences_are_read_back_too(tmp_path: Path) -> None:
    write_trl(tmp_path / "p", [replace(SENTENCE, rejected=())])
    assert read_rated(tmp_path / "p") == [replace(SENTENCE, rejected=(), source="rated")]


def test_dataset_reads_our_trl_file_with_its_contexts(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"image")
    write_trl(tmp_path / "p.jsonl", [SENTENCE, PLAIN])
    pairs = registry.make("source", "dataset", {"file": "p.jsonl"}).pairs(DataFolder(tmp_path), NoModel(), 0)
    assert [(pair.prompt, pair.context) for pair in pairs] == [("Describe it.", "A street."), ("Describe it.", "")]


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ([USER, ASSISTANT, USER], "earlier turns"), ([USER, ASSISTANT, USER, ASSISTANT], "earlier turns"),
        ([SYSTEM, USER], "system prompt"),
        ([{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "What?"}]}], "video"),
    ],
)  # fmt: skip
def test_rows_of_several_turns_are_counted_and_the_others_stay(tmp_path: Path, prompt: list[Any], reason: str) -> None:
    pairs, dropped = read(tmp_path, [TRL, {**TRL, "prompt": prompt}])
    assert (len(pairs), dropped) == (1, {reason: 1})


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({**TRL, "prompt": [ASSISTANT]}, "the conversation must begin with the user"),
        ({key: TRL[key] for key in ("chosen", "rejected")}, "'prompt' is missing"),
    ],
)
def test_a_row_without_a_question_is_broken(tmp_path: Path, row: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=f"row 2: {says}"):
        read(tmp_path, [TRL, row])


def test_an_image_mark_in_a_context_is_one_in_an_answer(tmp_path: Path) -> None:
    own = {"id": "a", "image": "", "prompt": "What?", "chosen": "A cat.", "rejected": ["A dog."]}
    pairs, dropped = read(tmp_path, [own, {**own, "id": "b", "context": "<image> A street."}], "jsonl")
    assert (len(pairs), dropped) == (1, {"image mark in an answer": 1})
