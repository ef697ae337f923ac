"""Rows that answer one item: one answer where they agree, else an item for each row of the question file, or an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.edge.answer_form import AnswerForm
from harness.core.errors import DataError
from harness.core.evaluation import Item


@dataclass(frozen=True, slots=True)
class Given:
    """An answer to an item: the name that its row goes by, where the row stands, and the text."""

    name: str
    where: str
    text: str


def answered(item: Item, given: Sequence[Given], form: AnswerForm) -> list[tuple[Item, Given | None]]:
    """The items to score in the place of this one, each with its answer; None where it has none.

    Raises DataError where two rows answer one row of the question file differently.
    """
    if form.repeats and len(given) > 1:
        return [(form.numbered(item, n), one) for n, one in enumerate(given, 1)]
    if len({one.text for one in given}) <= 1:
        return [(item, given[0] if given else None)]
    parts = {part.id: part for name in form.names(item) if (part := _part(item, name, form)) is not None}
    answers: dict[str, Given] = {}
    for one in given:
        part = _part(item, one.name, form)
        # a name of the whole item answers all of its parts, so that no row may differ from it
        rivals = given if part is None else [answers.setdefault(part.id, one)]
        if other := next((rival for rival in rivals if rival.text != one.text), None):
            raise _conflict(item, *sorted((one, other), key=given.index))
    return [(part, answers.get(part.id)) for part in parts.values()]


def _part(item: Item, name: str, form: AnswerForm) -> Item | None:
    return None if form.part is None else form.part(item, name)


def _conflict(item: Item, first: Given, second: Given) -> DataError:
    said = f"{second.text[:40]!r}, not {first.text[:40]!r}"
    return DataError(
        f"{second.where} gives another answer to {item.id[:80]} than an earlier row, {first.where} ({said}). "
        "Keep one of them; answers of two runs are two files, scored one by one."
    )
