"""Rows of answer files -> answers and replies by item; what matches nothing is counted, never dropped in silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.answer_files.rows import FileRow
from harness.core.edge.answer_form import AnswerForm
from harness.core.errors import DataError
from harness.core.evaluation import Item

_QUESTIONS = ("question", "prompt", "query")  # columns that repeat the question
_SAME = 60  # characters that must agree


@dataclass(slots=True)
class Matched:
    """Items as they are scored, their answers and the judges' replies by (task, item id); rows that no item goes by."""

    items: list[Item] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    replies: dict[tuple[str, str], str] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Names:
    """name -> item that goes by it; names in the order of the question file."""

    items: Mapping[str, Item]
    order: Sequence[str]


def match(
    items: Sequence[Item],
    form: AnswerForm,
    answers: Sequence[FileRow],
    reviews: Sequence[FileRow],
    tasks: Sequence[str],
    column: str = "",
) -> Matched:
    """Match the rows of answers and reviews with items.

    Args:
        tasks: names of the judge tasks whose replies the rows may hold.
        column: column of the answer, where it is not one of the form's.
    Raises DataError for a row without an answer, for two answers to one item, and for rows without a key that are not as many
    as the items or ask something else.
    """
    names = _Names({name: item for item in items for name in form.names(item)}, list(form.order(items)))
    found = Matched()
    given = _by_name(answers, names, form, found, lambda row: _text(row, (column,) if column else form.texts))
    _put_answers(found, items, names, given, form)
    for rows, review in ((answers, False), (reviews, True)):
        for task in tasks:
            _put_replies(found, names, rows, form, task, review)
    if not answers:
        asked = {item for _, item in found.replies}
        found.items = list(items)
        found.answers = {item.id: NOT_GIVEN for item in items if item.id in asked}
    return found


NOT_GIVEN = "(the answer is not in the files; only its review is)"
Given = dict[str, list[tuple[FileRow, Any]]]  # name -> rows that go by it, and what they hold


def _by_name(
    rows: Sequence[FileRow], names: _Names, form: AnswerForm, found: Matched, value: Callable[[FileRow], Any]
) -> Given:
    given: Given = {}
    keyless = [row for row in rows if not _keys(row, form)]
    if keyless and len(keyless) != len(names.order):
        raise DataError(
            f"{keyless[0].where} names no item, so answers go by their place; but there are {len(keyless):,} such rows and "
            f"{len(names.order):,} questions. Give the file that belongs to these questions, or one with ids."
        )
    places = iter(names.order)
    for row in rows:
        keys = _keys(row, form) or [next(places)]
        name = next((key for key in keys if key in names.items), None)
        if name is None:
            found.strangers.append(f"{row.where} ({keys[0][:60]})")
            continue
        _check_question(row, names.items[name])
        given.setdefault(name, []).append((row, value(row)))
    return given


def _keys(row: FileRow, form: AnswerForm) -> Sequence[str]:
    return form.keys({"file": row.file, **row.values})


def _check_question(row: FileRow, item: Item) -> None:
    """A row that repeats a question must repeat this one (a prompt may have an ending of its own)."""
    stated = next((row.values[name] for name in _QUESTIONS if isinstance(row.values.get(name), str)), "").strip()
    asked = item.question.split("\n")[0].strip()
    if stated and asked and asked[:_SAME] not in stated and stated[:_SAME] not in item.question:
        raise DataError(
            f"{row.where} answers {stated[:80]!r}, but the question {item.id[:60]} is {asked[:80]!r}. Are they of another "
            "version of the file, or in another order?"
        )


def _text(row: FileRow, columns: Sequence[str]) -> str:
    for name in columns:
        if name in row.values:
            value = row.values[name]
            value = value[0] if isinstance(value, list) and value else value
            if not isinstance(value, str):
                stated = str(value)[:60]
                raise DataError(f"{row.where}: {name!r} should be the answer as text but is {stated!r}. Correct that row.")
            return value
    has = ", ".join(map(str, row.values)) or "nothing"
    raise DataError(f"{row.where} has no answer: none of {', '.join(columns)} (it has {has}). Name the column with --column.")


def _put_answers(found: Matched, items: Sequence[Item], names: _Names, given: Given, form: AnswerForm) -> None:
    """Answers in the order of the items; an item whose rows disagree is taken apart, or is an error."""
    by_item: dict[str, list[tuple[str, FileRow, str]]] = {}
    for name, rows in given.items():
        by_item.setdefault(names.items[name].id, []).extend((name, row, text) for row, text in rows)
    for item in items:
        rows_of_item = by_item.get(item.id, [])
        if not rows_of_item and form.subset:
            continue
        if len({text for _, _, text in rows_of_item}) <= 1 and not (form.repeats and len(rows_of_item) > 1):
            found.items.append(item)
            if rows_of_item:
                found.answers[item.id] = rows_of_item[0][2]
            continue
        other = next(row for _, row, text in [*rows_of_item, *rows_of_item[-1:]] if text != rows_of_item[0][2] or form.repeats)
        for number, (name, _, text) in enumerate(rows_of_item, 1):
            part = _part(item, name, number, form, other)
            found.items.append(part)
            found.answers[part.id] = text


def _part(item: Item, name: str, number: int, form: AnswerForm, row: FileRow) -> Item:
    if form.repeats:
        return item if number == 1 else replace(item, id=f"{item.id}#{number}")
    if form.part is None:
        raise DataError(f"{row.where} gives another answer to {item.id[:80]} than an earlier row. Keep one of them.")
    return form.part(item, name)


def _put_replies(found: Matched, names: _Names, rows: Sequence[FileRow], form: AnswerForm, task: str, review: bool) -> None:
    holding = [row for row in rows if form.reply(row.values, task, review) is not None]
    if not holding:
        return
    for name, ones in _by_name(holding, names, form, found if review else Matched(), lambda row: row).items():
        for number, (row, _) in enumerate(ones, 1):
            item = names.items[name].id if number == 1 else f"{names.items[name].id}#{number}"
            found.replies[task, item] = form.reply(row.values, task, review) or ""
