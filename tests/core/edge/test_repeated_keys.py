"""A key that stands twice in a JSON object with two values: which one is meant is not guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignment.data.pairs import read_pairs
from harness.answer_files.rows import rows_of
from harness.core.edge.files import json_lines, parse_json
from harness.core.errors import DataError
from harness.storage.label_revisions import loads


def test_a_line_is_refused_with_file_line_key_and_both_values() -> None:
    rows = json_lines('{"id": 1, "answer": "Yes"}\n\n{"id": 2, "answer": "Yes", "answer": "No"}\n', "a.jsonl")
    with pytest.raises(DataError, match=r"a.jsonl, line 3 has the key 'answer' twice in one object: 'Yes' and 'No'. Fetch"):
        list(rows)


def test_in_a_whole_file_the_line_is_where_the_innermost_object_begins() -> None:
    text = '[\n {"id": 1},\n {"id": 2,\n  "in": {"a": 1,\n   "a": [2]}}\n]'
    with pytest.raises(DataError, match=r"a.json, line 4 has the key 'a' twice in one object: 1 and \[2\]"):
        parse_json(text, "a.json")


def test_rows_by_id_in_one_object_are_answers_too(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"v1_0": "Yes",\n "v1_1": "No",\n "v1_0": "No"}')
    with pytest.raises(DataError, match=r"a.json, line 1 has the key 'v1_0' twice"):
        rows_of(file)


def test_a_key_twice_with_one_value_is_read() -> None:
    assert parse_json('{"a": [1], "a": [1]}', "a.json") == {"a": [1]}


def test_pairs_and_revisions_are_refused_by_their_line(tmp_path: Path) -> None:
    pairs = tmp_path / "p.jsonl"
    revision = '{"revision": "r", "format": 1, "source": "me"}\n{"benchmark": "pope", "item": "1", "item": "2"}\n'
    pairs.write_text('{"prompt": "q", "chosen": "a", "chosen": "c", "rejected": ["b"]}\n')
    with pytest.raises(DataError, match=r"line 1: it has the key 'chosen' twice in one object: 'a' and 'c'"):
        read_pairs(pairs)
    with pytest.raises(DataError, match=r"labels.jsonl, line 2 has the key 'item' twice"):
        loads(revision, "labels.jsonl")
