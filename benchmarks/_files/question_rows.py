"""Question files: JSON lines or one JSON list, with errors that name the file, the line and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks._files.identifiers import identifier
from harness.core.errors import DataError
from harness.core.plugins import Data

_SEVERAL = 8  # rows; fewer are somebody's sample


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a question file and where it stands, for error messages."""

    where: str
    values: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:  # Any: a JSON value
        if key not in self.values:
            has = ", ".join(map(str, self.values)) or "nothing"
            raise DataError(f"{self.where} has no {key!r} (it has {has}). Fetch the file again or add the key.")
        return self.values[key]

    def get(self, key: str, default: Any = None) -> Any:  # Any: a JSON value
        return self.values.get(key, default)

    def text(self, key: str) -> str:
        """The value as text; a number or a list in its place is an error, an int id is not."""
        value = self[key]
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise DataError(f"{self.where}: {key!r} should be text but is {json.dumps(value)[:80]}. Correct that line.")
        return str(value)

    def identifier(self, key: str) -> str:
        """An id that other files name too, see `identifiers.py`."""
        return identifier(self[key], f"{self.where}: {key!r}")


def read_rows(data: Data, name: str) -> list[Row]:
    """All entries of a file that is JSON lines or one JSON list (POPE's COCO and SEEM files are one of each)."""
    text = data.read_text(name).lstrip("\ufeff")
    return parse_rows(text, name)


def parse_rows(text: str, name: str) -> list[Row]:
    """Entries of JSON-lines or JSON-list text; `name` is what errors call it. Raises DataError, also when empty."""
    rows = _from_list(text, name) if text.lstrip().startswith("[") else _from_lines(text, name)
    if not rows:
        raise DataError(f"{name} is empty. Fetch it again.")
    for row in rows:
        if not isinstance(row.values, Mapping):
            raise DataError(f"{row.where} is not an object of named values. Fetch the file again or correct it.")
    return rows


def read_json(data: Data, name: str) -> Any:  # Any: a JSON value
    """One JSON value from a file of the data folder."""
    try:
        return json.loads(data.read_text(name).lstrip("\ufeff"))
    except json.JSONDecodeError as error:
        raise _broken(f"{name}, line {error.lineno}", error) from error


def check_unique(rows: Iterable[Row], key: str) -> None:
    """Raise DataError naming both places when two rows have the same value of `key`."""
    seen: dict[Any, str] = {}
    for row in rows:
        value = row.identifier(key)
        if value in seen:
            raise DataError(f"{row.where} repeats {key} {value}, first used in {seen[value]}. Remove one of them.")
        seen[value] = row.where


def check_both_labels(labels: Sequence[str], what: str, read_by: str) -> None:
    """Raise DataError where all labels of yes/no questions are the same (of eight or more): a constant answer scores 100 %."""
    if len(labels) >= _SEVERAL and len(set(labels)) == 1:
        raise DataError(
            f"All {len(labels):,} labels of {what} read as {labels[0]!r} ({read_by}). Such a file measures nothing: see how "
            "its labels are written (exactly yes and no?), and fetch it again if it was edited."
        )


def _from_list(text: str, name: str) -> list[Row]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken(f"{name}, line {error.lineno}", error) from error
    return [Row(f"{name}, entry {n}", value) for n, value in enumerate(values, 1)]


def _from_lines(text: str, name: str) -> list[Row]:
    rows: list[Row] = []
    # Not splitlines(): it also breaks at U+2028 and its like, which may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            rows.append(Row(where, json.loads(line)))
        except json.JSONDecodeError as error:
            raise _broken(where, error) from error
    return rows


def _broken(where: str, error: json.JSONDecodeError) -> DataError:
    return DataError(f"{where} is not JSON ({error.msg} at column {error.colno}). Fetch the file again or correct it.")
