"""Answers in other tools' logs: lmms-eval's `*_samples_TASK.jsonl` and VLMEvalKit's result tables (CSV, TSV or JSON).

{"doc_id": 0, "doc": {"question_id": "1", "question": "Is there a dog?", "image_source": "COCO_..."}, "input": "Is ...",
 "filtered_resps": ["Yes"], "resps": [["Yes"]]}                                             lmms-eval, one line an item
index,question,answer,prediction,image_path                                                 VLMEvalKit, one row an item
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from harness.answer_files.stated_labels import bare
from harness.answer_files.taken_apart import Given
from harness.core.edge.answer_form import AnswerForm
from harness.core.edge.files import json_lines, parse_json, read_text
from harness.core.errors import DataError
from harness.core.evaluation import Item
from harness.storage.spreadsheets import parse_sheet, read_bytes

_IDS = ("question_id", "id", "index", "qid", "sample_id")
_IMAGES = ("image_source", "image_path", "image_id", "image", "file_name", "image_name")
_QUESTIONS = ("question", "text", "query", "prompt")


@dataclass(frozen=True, slots=True)
class LoggedAnswer:
    """One row of a log: what was asked of which image, and the answer. Empty where the log does not say.

    `where`: its place, for messages. `doc`: the question's own fields. `label`: the answer that the log takes for right.
    """

    where: str
    doc: Mapping[str, Any]
    ids: frozenset[str]
    images: frozenset[str]
    question: str
    prompt: str
    answer: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class SampleLog:
    """A file's rows, and the tool that wrote it."""

    tool: str
    rows: tuple[LoggedAnswer, ...]


def read_sample_log(path: Path) -> SampleLog:
    """Raises DataError where the file is neither tool's, naming what is missing."""
    if path.suffix in (".xlsx", ".xls", ".pkl"):
        raise DataError(f"{path} is a {path.suffix} file. Save it as CSV (UTF-8) from a spreadsheet program and import that.")
    if path.suffix in (".jsonl", ".json"):
        rows = list(_json_rows(path))
    else:
        table = parse_sheet(read_bytes(path), str(path), (), optional=("prediction", "answer", *_IDS, *_IMAGES, *_QUESTIONS))
        rows = [(line.where, dict(line.cells)) for line in table]
    if not rows:
        raise DataError(f"{path} holds no rows.")
    first = rows[0][1]
    if "resps" in first or "filtered_resps" in first:
        read = tuple(_of_lmms_eval(where, row) for where, row in rows)
        if not any(row.question for row in read):
            raise DataError(_without_questions(path, first))
        return SampleLog("lmms-eval", read)
    if "prediction" in first:
        return SampleLog("VLMEvalKit", tuple(_of_vlmevalkit(where, row) for where, row in rows))
    raise DataError(
        f"{path} is neither lmms-eval's sample log (no `resps`) nor VLMEvalKit's result table (no `prediction`). "
        f"Its first row has {', '.join(list(first)[:8]) or 'nothing'}."
    )


def _without_questions(path: Path, first: Mapping[str, Any]) -> str:
    named = ", ".join(f"`{name}`" for name in _QUESTIONS)
    if not isinstance(first.get("doc"), Mapping):
        lacks = f"its first row has no `doc`, where lmms-eval keeps question and image; it has {', '.join(list(first)[:8])}"
    else:
        lacks = f"no `doc` has one of {named}; the first has {', '.join(list(first['doc'])[:8]) or 'nothing'}"
    return f"{path} does not say which questions were asked: {lacks}. Import a log that was written with them."


def _json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    text = read_text(path)
    pairs: Iterable[tuple[str, Any]]
    if path.suffix == ".json":
        value = parse_json(text, str(path))
        listed = value.get("logs", []) if isinstance(value, Mapping) else value
        pairs = ((f"{path}, entry {n}", row) for n, row in enumerate(listed if isinstance(listed, list) else [], 1))
    else:
        pairs = json_lines(text, str(path))
    for where, row in pairs:
        if not isinstance(row, dict):
            raise DataError(f"{where} is not an object of named values.")
        yield where, row


def _of_lmms_eval(where: str, row: Mapping[str, Any]) -> LoggedAnswer:
    answer: Any = row.get("filtered_resps", row.get("resps"))
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, str):
        raise DataError(f"{where}: {_no_answer(row)}")
    doc = row["doc"] if isinstance(row.get("doc"), Mapping) else row
    asked = row.get("input", "")
    label = row.get("target", doc.get("answer"))
    return replace(_row(where, doc, str(asked) if isinstance(asked, str) else "", answer), label=bare(label))


def _no_answer(row: Mapping[str, Any]) -> str:
    """Why a row has no answer. What a filter left out is not put back: the tool scored without it."""
    field = "filtered_resps" if "filtered_resps" in row else "resps"
    if row.get(field) != []:
        return f"`{field}` is not one text; logs of several samples or of multiple choice are not imported."
    if field == "resps" or not row.get("resps"):
        return f"`{field}` is empty: the model gave no answer. Leave the row out, and its item counts as missing."
    return (
        "`filtered_resps` is empty although `resps` is not: the log's filter kept no answer. Leave the row out, and its item "
        "counts as missing; or take `filtered_resps` out of all rows to score `resps`, the answers before the filter."
    )


def _of_vlmevalkit(where: str, row: Mapping[str, Any]) -> LoggedAnswer:
    answer = row.get("prediction")
    if answer is None:
        raise DataError(f"{where} has no `prediction`.")
    return replace(_row(where, row, "", str(answer)), label=bare(row.get("answer")))


def _row(where: str, doc: Mapping[str, Any], prompt: str, answer: str) -> LoggedAnswer:
    ids = frozenset(str(doc[key]) for key in _IDS if isinstance(doc.get(key), (str, int)))
    images = frozenset(
        _stem(str(doc[key])) for key in _IMAGES if isinstance(doc.get(key), (str, int)) and len(str(doc[key])) < 300
    )
    question = next((str(doc[key]) for key in _QUESTIONS if isinstance(doc.get(key), str)), "")
    return LoggedAnswer(where, doc, ids, images, _normal(question), prompt, answer)


def _stem(image: str) -> str:
    return PurePosixPath(image.replace("\\", "/")).stem.lower()


def _normal(text: str) -> str:
    return " ".join(text.replace("<image>", " ").split()).lower()


def matched(items: Sequence[Item], rows: Sequence[LoggedAnswer]) -> tuple[dict[str, list[LoggedAnswer]], int]:
    """(item id -> its rows, number of rows that fit no item or several).

    A row is an item's where both have the same question and image, or the same id and question; where the log names no image,
    where only one item asks that question. An item may have several rows: lmms-eval asks a question of POPE in three splits.
    """
    by_image = {(_stem(item.image), _normal(item.question)): item.id for item in items}
    by_id = {(item.id, _normal(item.question)): item.id for item in items}
    by_question: dict[str, list[str]] = {}
    for item in items:
        by_question.setdefault(_normal(item.question), []).append(item.id)
    found: dict[str, list[LoggedAnswer]] = {}
    lost = 0
    for row in rows:
        places = {by_image[key] for image in row.images if (key := (image, row.question)) in by_image}
        places |= {by_id[key] for id in row.ids if (key := (id, row.question)) in by_id}
        if not places and not row.images and len(by_question.get(row.question, ())) == 1:
            places = set(by_question[row.question])
        if len(places) == 1:
            found.setdefault(places.pop(), []).append(row)
        else:
            lost += 1
    return found, lost


def given(item: Item, row: LoggedAnswer, form: AnswerForm, file: str) -> Given:
    """A row as an answer to the item, whose image and question it has, by the name that the benchmark's form reads from it; the
    whole item's where it has none.

    file: the log's name without its ending, which may say a split.
    """
    names, own = set(form.names(item)), {"image": PurePosixPath(item.image).name, "question": item.question, "file": file}
    name = next((key for key in form.keys({**row.doc, **own}) if key in names), item.id)
    return Given(name, row.where, row.answer)
