"""Which column of an answer file holds the model's answer, where several could: never the reference.

{"question_id": 1, "answer": "Yes", "prediction": "No"}    VLMEvalKit: `answer` is the label, `prediction` the model's
{"question_id": 1, "answer": "No"}                         POPE's answers: `answer` is the model's
{"question_id": 1, "prompt": "Is ...?", "text": "No"}      LLaVA's answers: `text` is the model's
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.answer_files.rows import FileRow
from harness.core.edge.answer_form import MODELS, AnswerForm
from harness.core.errors import DataError
from harness.core.evaluation import Item

_FEW = 20  # answers that may all be the reference by chance
_SAME = 60  # characters that must agree


@dataclass(slots=True)
class AnswerColumns:
    """The columns to read, by path. `read`: those that were; `passed`: those that hold another text and were not."""

    by_path: Mapping[str, Sequence[str]]
    candidates: Sequence[str]
    read: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, rows: Sequence[FileRow], form: AnswerForm, column: str = "") -> AnswerColumns:
        """`column`: the one that the user names. A file has one choice, so that a row that lacks it is not read by another."""
        if column:
            return cls({row.path: (column,) for row in rows}, ())
        held: dict[str, set[str]] = {}
        for row in rows:
            held.setdefault(row.path, set()).update(row.values)
        candidates = tuple(dict.fromkeys((*form.texts, *MODELS)))
        sure = [name for name in candidates if name in MODELS or name == form.texts[0]]
        return cls({path: [name for name in sure if name in names] or candidates for path, names in held.items()}, candidates)

    def text(self, row: FileRow, item: Item) -> str:
        """The row's answer to this item.

        Raises DataError for a row without an answer, one whose answer is not text, and two columns of which either may be it.
        """
        columns = self.by_path[row.path]
        held = [name for name in columns if name in row.values]
        if len(held) > 1:
            held = [name for name in held if name != "text" or not _is_question(str(row.values[name]), item)]
        if not held:
            raise DataError(
                f"{row.where} has no answer: {_lacks(columns)} (it has {_has(row)}). Name the column with --column."
            )
        answer = _as_text(row, held[0])
        for other in held[1:]:
            if isinstance(row.values[other], str) and row.values[other] != answer:
                raise DataError(
                    f"{row.where}: {held[0]!r} is {answer[:40]!r} and {other!r} is {row.values[other][:40]!r}, and either may "
                    f"be the model's answer. Name its column: --column {held[0]}, or --column {other}."
                )
        self.read.add(held[0])
        others = (name for name in self.candidates if name in row.values and name not in columns)
        self.passed.update(name for name in others if row.values[name] != answer)
        return answer

    def notes(self, items: Sequence[Item], answers: Mapping[str, str]) -> list[str]:
        """What a reader must know about the choice: a column that was passed over, answers that seem to be the labels."""
        found = []
        if self.passed:
            found.append(f"Answers are read from {_named(self.read)}, not from {_named(self.passed)}.")
        if self.read == {"answer"} and self.candidates and _are_references(items, answers):
            found.append(
                f"All {len(answers):,} answers are the reference, word for word. Is 'answer' the label? Name the column of the "
                "model's answers with --column."
            )
        return found


def _is_question(text: str, item: Item) -> bool:
    asked = item.question.split("\n")[0].strip()
    return bool(asked) and asked[:_SAME] in text


def _are_references(items: Sequence[Item], answers: Mapping[str, str]) -> bool:
    """Whether all answers, of more than a few, stand word for word in the truth of their item, as labels that were read do."""
    given = [(item, answers[item.id]) for item in items if item.id in answers]
    return len(given) >= _FEW and all(text.strip().lower() in set(_texts(item.truth)) for item, text in given)


def _texts(value: Any) -> Iterator[str]:  # Any: a JSON value
    if isinstance(value, str):
        yield value.strip().lower()
    elif isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)


def _as_text(row: FileRow, column: str) -> str:
    value = row.values[column]
    if isinstance(value, list) and value:
        if any(other != value[0] for other in value[1:]):
            listed = f"{len(value)} different answers ({str(value[0])[:40]!r} is the first)"
            raise DataError(
                f"{row.where}: {column!r} holds {listed}. Keep one; answers of several runs are files of their own."
            )
        value = value[0]
    if not isinstance(value, str):
        mend = 'Leave the row out, or write "" for an empty answer.' if value is None else "Correct that row."
        stated = json.dumps(value)[:60]
        raise DataError(f"{row.where}: {column!r} should be the answer as text but is {stated}. {mend}")
    return value


def _lacks(columns: Sequence[str]) -> str:
    return f"it has no {columns[0]!r}" if len(columns) == 1 else f"none of {', '.join(columns)}"


def _has(row: FileRow) -> str:
    return ", ".join(map(str, row.values)) or "nothing"


def _named(columns: set[str]) -> str:
    return " and ".join(map(repr, sorted(columns)))
