"""Options of a multiple-choice question: taken out of the question's text, or out of a file's columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from benchmarks._files.question_rows import Row, is_nan
from harness.core.errors import DataError

LETTERS = "ABCDEFGH"
_HEADING = re.compile(r"(?:\bOptions|\bChoices)\s*:\s*", re.IGNORECASE)
_COLON = re.compile(r"(?:^|,\s*|\n\s*)([A-H]):\s*")
_BRACKET = re.compile(r"(?:^|[,\s])\(?([A-H])\)\s*")
_FULL_STOP = re.compile(r"(?:^|\n)\s*([A-H])\.\s*")
_ONE_LINE = re.compile(r"(?:^|[,;]\s*)([A-H])\.\s+")  # only behind a heading
_LETTER_AND_STOP = re.compile(r"(?<!\w)[A-H]\.\s")
_TWO = re.compile(r"\s*\(a\)((?:(?!\([a-h]\)).)*)\(b\)((?:(?!\([a-h]\)).)*)", re.DOTALL)


def of_row(row: Row, question: str) -> dict[str, str]:
    """{"A": text, ...}: the row's "options", its columns A, B, ..., or what the question lists.

    Raises DataError for options that are not texts by consecutive letters. {} where the question lists none. Empty cells (null,
    NaN, "") are no options.
    """
    given = row.get("options")
    if given is None:
        given = {letter: row.get(letter) for letter in LETTERS}
    if isinstance(given, Mapping):
        given = {letter: text for letter, text in given.items() if text not in (None, "") and not is_nan(text)} or listed(
            question
        )
    if not isinstance(given, Mapping) or not all(isinstance(text, str | int | float) for text in given.values()):
        raise DataError(f"{row.where}: the options should be texts by letter ({{'A': ...}}). Correct that line.")
    found = {str(letter): str(text) for letter, text in given.items()}
    if list(found) != list(LETTERS[: len(found)]):
        raise DataError(f"{row.where}: the options are lettered {', '.join(found)}; they must begin with A without a gap.")
    return found


def listed(question: str) -> dict[str, str]:
    """Options that stand in a question: "Options: A: x, B: y" (or full stops), "Choices:\\n(A) x\\n(B) y", "A. x\\nB. y".

    Of several headings the last one with a list counts. {} where it is not sure which texts the options have.
    """
    return {letter: question[start:end] for letter, start, end in _places(question)}


def with_other(question: str, options: Mapping[str, str]) -> str:
    """The question with other texts at its options; the question itself where it lists none of these letters."""
    places = _places(question)
    if [letter for letter, _, _ in places] != list(options):
        return question
    for letter, start, end in reversed(places):
        question = question[:start] + options[letter] + question[end:]
    return question


def without_list(question: str) -> str:
    """The question up to the line that begins with "Options:" or "Choices:" and lists them."""
    places = _places(question)
    before = question[: places[0][1]] if places else question
    cut = max(before.rfind("\nOptions:"), before.rfind("\nChoices:"))
    return question if cut < 0 else question[:cut]


def _places(question: str) -> list[tuple[str, int, int]]:
    """Letter, start and end of each option's text in a question."""
    headed = [heading.end() for heading in _HEADING.finditer(question)]
    for begin in reversed(headed or [0]):
        text = question[begin:]
        marks = _marks(text, bool(headed))
        if marks:
            ends = [mark.start() for mark in marks[1:]] + [len(text)]
            pieces = [_stripped(question, begin + mark.end(), begin + end) for mark, end in zip(marks, ends, strict=True)]
            return [(mark[1], *piece) for mark, piece in zip(marks, pieces, strict=True)]
    return []


def _marks(text: str, headed: bool) -> list[Any]:
    """The marks of the first form in which the text lists two options or more."""
    for form in (_COLON, _BRACKET, _FULL_STOP):
        marks = _in_order(form, text)
        if len(marks) > 1:
            return marks
    marks = _in_order(_ONE_LINE, text) if headed else []
    return marks if len(marks) > 1 and len(marks) == len(_LETTER_AND_STOP.findall(text)) else []


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
