"""Instruction files in LLaVA-Instruct's format: a JSON list or JSON lines, each row with its turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alignment.data.forms.kept_files import kept
from alignment.data.forms.kinds import optional_text
from harness.core.edge.files import FETCH, json_lines, parse_json, read_text
from harness.core.errors import DataError
from harness.core.plugins import Data


def first_turn(row: Mapping[str, Any]) -> tuple[str, str]:
    """(question with its image marks, answer) of a row's first exchange. Raises ValueError where it has none."""
    turns = row.get("conversations")
    if not isinstance(turns, Sequence) or len(turns) < 2:
        raise ValueError("'conversations' needs a question and an answer")
    human, gpt = turns[0], turns[1]
    if human.get("from") != "human" or gpt.get("from") != "gpt":
        raise ValueError("'conversations' must begin with 'human', then 'gpt'")
    return optional_text(human, "value"), optional_text(gpt, "value")


def instruction_rows(data: Data, name: str) -> list[Mapping[str, Any]]:
    path = data.path(name)
    return kept(path, "prompts", lambda: _parsed(path, name))


def _parsed(path: Path, name: str) -> list[Mapping[str, Any]]:
    text = read_text(path, FETCH)
    rows = [row for _, row in json_lines(text, name)] if name.endswith(".jsonl") else parse_json(text, name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{name} must hold a list of objects in LLaVA-Instruct's format.")
    if not rows:
        raise DataError(f"{name} has no rows; a source needs at least one prompt.")
    return rows
