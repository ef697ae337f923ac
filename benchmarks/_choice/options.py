"""Options of a multiple-choice question: taken out of the question's text, or out of a file's columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from benchmarks._files.question_rows import Row
from harness.core.errors import DataError

LETTERS = "ABCDEFGH"
_LISTED = re.compile(r"(?:\bOptions|\bChoices)\s*:\s*(.*)", re.DOTALL | re.IGNORECASE)
_COLON = re.compile(r"(?:^|,\s*|\n\s*)([A-H]):\s*")
_BRACKET = re.compile(r"(?:^|[,\s])\(?([A-H])\)\s*")
_FULL_STOP = re.compile(r"(?:^|\n)\s*([A-H])\.\s*")
_TWO = re.compile(r"\s*\(a\)((?:(?!\([a-h]\)).)*)\(b\)((?:(?!\([a-h]\)).)*)", re.DOTALL)


def of_row(row: Row, question: str) -> dict[str, str]:
    """{"A": text, ...}: the row's "options", its columns A, B, ..., or what the question lists.

    Raises DataError for options that are not texts by consecutive letters. {} where the question lists none.
    """
    given = row.get("options")
    if given is None:
        given = {letter: row.get(letter) for letter in LETTERS if row.get(letter) not in (None, "")} or listed(question)
    if not isinstance(given, Mapping) or not all(isinstance(text, str | int | float) for text in given.values()):
        raise DataError(f"{row.where}: the options should be texts by letter ({{'A': ...}}). Correct that line.")
    found = {str(letter): str(text) for letter, text in given.items()}
    if list(found) != list(LETTERS[: len(found)]):
        raise DataError(f"{row.where}: the options are lettered {', '.join(found)}; they must begin with A without a gap.")
    return found


def listed(question: str) -> dict[str, str]:
    """Options that stand in a question: "Options: A: x, B: y", "Choices:\\n(A) x\\n(B) y", "A. x\\nB. y"."""
    return {letter: question[start:end] for letter, start, end in _places(question)}


def with_other(question: str, options: Mapping[str, str]) -> str:
    """The question with other texts at its options; the question itself where it lists none of these letters."""
    places = _places(question)
    if [letter for letter, _, _ in places] != list(options):
        return question
    for letter, start, end in reversed(places):
        question = question[:start] + options[letter] + question[end:]
    return question


def _places(question: str) -> list[tuple[str, int, int]]:
    """Letter, start and end of each option's text in a question."""
    where = _LISTED.search(question)
    begin = where.start(1) if where else 0
    text = question[begin:]
    for form in (_COLON, _BRACKET, _FULL_STOP):
        marks = _in_order(form, text)
        if len(marks) > 1:
            ends = [mark.start() for mark in marks[1:]] + [len(text)]
            pieces = [_stripped(question, begin + mark.end(), begin + end) for mark, end in zip(marks, ends, strict=True)]
            return [(mark[1], *piece) for mark, piece in zip(marks, pieces, strict=True)]
    return []


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """The piece without the white space around it and a comma at its end."""
    own = text[start:end]
    kept = own.strip().rstrip(",").strip()
    begin = start + len(own) - len(own.lstrip())
    return begin, begin + len(kept)


def _in_order(form: re.Pattern[str], text: str) -> list[Any]:
    """The marks A, B, C, ... in turn; others between them belong to an option's text."""
    marks: list[Any] = []
    for mark in form.finditer(text):
        if len(marks) < len(LETTERS) and mark[1] == LETTERS[len(marks)]:
            marks.append(mark)
    return marks


def two(text: str, where: str) -> dict[str, str]:
    """MMVP's "(a) X (b) Y". Raises DataError for another form."""
    found = _TWO.fullmatch(text)
    if found is None or not found[1].strip() or not found[2].strip():
        raise DataError(f'{where}: the options are {text[:80]!r}, not of the form "(a) ... (b) ...". Correct that line.')
    return {"A": found[1].strip(), "B": found[2].strip()}
