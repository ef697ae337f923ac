"""What people filled in, and the file that a command reads, is never written over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.commands.label_audit.queue_files import check_form, require_unfilled
from harness.core.errors import ConfigError, DataError
from harness.storage.spreadsheets import write_sheet

PAIR = {"id": "a", "image": "", "prompt": "What?", "chosen": "A cat.", "rejected": ["A dog."]}
RANKED = {"id": "1", "query": "What?", "response": ["A cat.", "A dog."], "human_ranking": [0, 1]}


def refused(*words: str) -> str:
    error = CliRunner().invoke(app, list(words)).exception
    assert isinstance(error, (ConfigError, DataError)), error
    return str(error)


def test_a_sheet_that_somebody_has_filled_in_is_not_written_over(tmp_path: Path) -> None:
    sheet = tmp_path / "ratings.csv"
    require_unfilled(sheet, "rating")
    sheet.write_text(write_sheet(["answer_id", "rating"], [["a", ""], ["b", " "]]))
    require_unfilled(sheet, "rating")
    sheet.write_text(write_sheet(["answer_id", "rating"], [["a", ""], ["b", "3"]]))
    with pytest.raises(ConfigError, match="is there already, with 1 row filled in, which would be lost"):
        require_unfilled(sheet, "rating")
    assert "1 row filled in" in refused("ratings", "sample", "mmhal_bench", "--to", str(sheet), "--output", str(tmp_path))
    with pytest.raises(ConfigError, match="already exists and is not a sheet of this command: .* has no column 'judgement'"):
        check_form(sheet, "")


def test_pairs_are_not_replaced_by_their_report(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps(PAIR))
    assert "is the file of the pairs" in refused("pairs", str(file), "--data", str(tmp_path), "--json", str(file))
    assert json.loads(file.read_text()) == PAIR


def test_replies_to_other_pairs_are_no_measurement(tmp_path: Path) -> None:
    (tmp_path / "pairs.json").write_text(json.dumps([RANKED]))
    (tmp_path / "replies.json").write_text(json.dumps([{"id": "2", "judge_reply": "1"}, {"id": "3", "judge_reply": "1"}]))
    words = ("judges", "check", str(tmp_path / "pairs.json"), "--replies", str(tmp_path / "replies.json"))
    assert "replies.json names a pair of" in refused(*words)
