"""Question files: JSON lines, one JSON list or CSV, with errors that name the file, the line and what to do."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeVar

from harness.core.edge.files import json_lines, leaves_folder, outside_text, parse_json
from harness.core.edge.foreign import words_of
from harness.core.edge.identifiers import identifier
from harness.core.edge.text import count, shown
from harness.core.errors import DataError, HarnessError
from harness.core.plugins import Data
from harness.core.run_record import REPEATED

T = TypeVar("T")
SEVERAL = 8  # rows; fewer are somebody's sample


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a question file and where it stands, for error messages; `key` is its name where the file names entries."""

    where: str
    values: Mapping[str, Any]
    key: str = ""

    def __getitem__(self, key: str) -> Any:  # Any: a JSON value
        if key not in self.values:
            has = ", ".join(map(str, self.values)) or "nothing"
            raise DataError(f"{self.where} has no {key!r} (it has {has}). Fetch the file again or add the key.")
        return self.values[key]

    def get(self, key: str, default: Any = None) -> Any:  # Any: a JSON value
        """The value, or `default` where there is none: NaN is how pandas writes an empty cell."""
        value = self.values.get(key, default)
        return default if is_nan(value) else value

    def text(self, key: str) -> str:
        """The value as text; a number or a list in its place is an error, an int id is not."""
        value = self[key]
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise DataError(
                f"{self.where}: {key!r} should be text but is {json.dumps(value, default=str)[:80]}. Correct that line."
            )
        return str(value)

    def question(self, key: str) -> str:
        """What the model is asked; a number or an empty text in its place is an error."""
        value = self[key]
        if not isinstance(value, str) or not value.strip():
            raise DataError(
                f"{self.where}: {key!r} should be a question but is {shown(value)}. Fetch the file again or correct that line."
            )
        return value

    def texts(self, key: str) -> list[str]:
        """A list of texts, which may be empty."""
        value = self[key]
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise DataError(
                f"{self.where}: {key!r} should be a list of texts but is {shown(value)}. Fetch the file again or correct that "
                "line."
            )
        return value

    def file_name(self, key: str) -> str:
        """The name of an image's file; an empty one is an error, and one outside of the data folder is."""
        name = self.text(key)
        if not name.strip() or name.endswith(("/", "\\")):
            raise DataError(f"{self.where}: {key!r} names no image file. Fetch the file again or correct that line.")
        return inside(name, self.where)

    def identifier(self, key: str) -> str:
        """An id that other files name too, see `identifiers.py`."""
        return identifier(self[key], f"{self.where}: {key!r}")


def is_nan(value: object) -> bool:
    return isinstance(value, float) and value != value


def inside(name: str, where: str) -> str:
    """The name of an image's file. Raises DataError where it leads out of the data folder; links in that may lead anywhere."""
    if leaves_folder(name):
        raise DataError(f"{where}: {outside_text(shown(name))}.")
    return name


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


def csv_rows(text: str, name: str) -> list[Row]:
    """Lines of CSV text with a head line; `name` is what errors call it. Raises DataError, also when empty."""
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        columns = next(reader, [])
        rows = [_csv_row(f"{name}, line {reader.line_num}", columns, cells) for cells in reader if cells]
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num} is not CSV ({error}). Fetch the file again.") from error
    if not rows:
        is_empty = "has one line and no rows below it" if columns else "is empty"
        raise DataError(f"{name} {is_empty}. Fetch it again.")
    return rows


def _csv_row(where: str, columns: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) > len(columns):
        raise DataError(
            f"{where} has {count(len(cells), 'cell')} and the first line {len(columns):,}. Texts with commas or line ends need "
            'quotes ("..."). Fetch the file again or correct that line.'
        )
    if len(columns) == 1 and (mark := next((m for m in ";\t" if m in columns[0]), "")):
        raise DataError(f"{where}: the columns are separated by {mark!r}. Save the file with commas.")
    return Row(where, dict(zip_longest(columns, cells)))  # cells that a line lacks are null


def read_json(data: Data, name: str) -> Any:  # Any: a JSON value
    """One JSON value from a file of the data folder."""
    return parse_json(data.read_text(name).lstrip("\ufeff"), name)


def each(rows: Iterable[Row], make: Callable[[Row], T]) -> list[T]:
    """What `make` makes of each row. Whatever it raises over values of an unexpected type is a DataError with the row."""
    made = []
    for row in rows:
        try:
            made.append(make(row))
        except HarnessError:
            raise
        except Exception as error:
            raise DataError(f"{row.where} is not of the expected form ({words_of(error)}). Fetch the file again.") from error
    return made


def check_unique(rows: Iterable[Row], key: str) -> None:
    """Raise DataError naming both places when two rows have the same value of `key`."""
    seen: dict[Any, str] = {}
    for row in rows:
        value = row.identifier(key)
        if value in seen:
            raise DataError(f"{row.where} repeats {key} {value}, first used in {seen[value]}. Remove one of them.")
        seen[value] = row.where


def check_once(rows: Iterable[Row], asked: Callable[[Row], tuple[str, str]]) -> None:
    """Raise DataError naming both places when two rows ask the same; `asked`: (image, question)."""
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        if (first := seen.setdefault(asked(row), row.where)) != row.where:
            raise DataError(f"{row.where} asks the same about {asked(row)[0]} as {first}. Remove one of them.")


def by_key(rows: Iterable[Row], key: Callable[[Row], str], value: Callable[[Row], T]) -> dict[str, T]:
    """The value of each row by its key, for rows that other rows name.

    Raises DataError naming both places where two rows of one key have different values; equal ones are one.
    """
    seen: dict[str, tuple[str, T]] = {}
    for row in rows:
        name, own = key(row), value(row)
        where, first = seen.setdefault(name, (row.where, own))
        if first != own:
            differ = f"{shown(own)} and {shown(first)}"
            raise DataError(f"{row.where} is about {name}, as {where} is, but they differ: {differ}. Remove one of them.")
    return {name: own for name, (_, own) in seen.items()}


def repeated(asked: Iterable[tuple[str, str]]) -> dict[str, str]:
    """For the protocol: how many of these (image, question) were there before; nothing where none was. Each counts."""
    keys = list(asked)
    n = len(keys) - len(set(keys))
    return {REPEATED: f"{n:,} of {len(keys):,} ask what another asks about the same image, and each counts"} if n else {}


def check_both_labels(labels: Sequence[str], what: str, read_by: str) -> None:
    """Raise DataError where all labels of yes/no questions are the same (of eight or more): a constant answer scores 100 %."""
    if len(labels) >= SEVERAL and len(set(labels)) == 1:
        raise DataError(
            f"All {len(labels):,} labels of {what} read as {labels[0]!r} ({read_by}). Such a file measures nothing: see how "
            "its labels are written (exactly yes and no?), and fetch it again if it was edited."
        )


def _from_list(text: str, name: str) -> list[Row]:
    return [Row(f"{name}, entry {n}", value) for n, value in enumerate(parse_json(text, name), 1)]


def _from_lines(text: str, name: str) -> list[Row]:
    return [Row(where, value) for where, value in json_lines(text, name)]
