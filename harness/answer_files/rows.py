"""Answer and review files as rows: JSON lines, JSON lists and objects, CSV, TSV, MME's tables; a folder of such files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.edge.answer_form import IDS, IMAGES, QUESTIONS, TEXTS
from harness.core.edge.files import json_lines, parse_json, read_text
from harness.core.errors import DataError

_ADVICE = "Correct the file."
_WRAPPERS = ("imgToEval", "sentences", "data", "results", "answers")  # keys under which a file keeps its rows
_COLUMNS = (*IDS, *TEXTS, *QUESTIONS, *IMAGES)  # names that a row has; names of items, in a file that is one object, are others
_TABLE = ("image", "question", "label", "answer")  # columns of MME's tables, which have no header


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row and where it stands; `file` is the file's name without its ending, `path` its whole path."""

    where: str
    file: str
    values: Mapping[str, Any]
    path: str = ""


def rows_of(path: Path) -> list[FileRow]:
    """All rows of a file, or of the files in a folder by name. Raises DataError naming file and line."""
    if path.is_dir():
        return [row for file in files_of(path) for row in rows_of(file)]
    text = read_text(path)
    found = [FileRow(where, path.stem, _fields(value, where), str(path)) for where, value in _entries(text, path)]
    if not found:
        raise DataError(f"{path} holds no rows. Give a file with one JSON object a line, or a list of them.")
    return found


def files_of(path: Path) -> list[Path]:
    """The file, or the files of a folder by name. Raises DataError for a folder without files."""
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    if not files:
        raise DataError(f"{path} is a folder without files. Give the file, or the folder, with the answers.")
    return files


def tool_of(rows: Sequence[FileRow]) -> str:
    """The tool whose log these rows are, by the columns of the first; "" where they are no such log."""
    names = rows[0].values if rows else {}
    if "resps" in names or "filtered_resps" in names:
        return "lmms-eval's"
    return "VLMEvalKit's" if "prediction" in names and "index" in names else ""


def _entries(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    ending, start = path.suffix.lower(), text.lstrip()[:1]
    if ending in (".csv", ".tsv"):
        yield from _table(text, path, "," if ending == ".csv" else "\t")
    elif ending == ".txt" and start not in ("{", "["):
        yield from _mme_table(text, path)
    elif start == "[":
        yield from _listed(parse_json(text, str(path), _ADVICE), path)
    elif start == "{" and ("\n" not in text.strip() or ending == ".json") and (one := _object(text, path)) is not None:
        yield from one
    else:
        yield from json_lines(text, str(path), _ADVICE)


def _object(text: str, path: Path) -> Iterator[tuple[str, Any]] | None:
    """Rows of a file that is one JSON object; None where it is JSON lines."""
    first = text.strip().split("\n", 1)
    if len(first) > 1 and first[0].rstrip().endswith("}") and first[1].lstrip().startswith("{"):
        return None
    content = parse_json(text, str(path), _ADVICE)
    inner = next((content[name] for name in _WRAPPERS if isinstance(content.get(name), list | dict)), None)
    if inner is not None:
        return _listed(inner, path) if isinstance(inner, list) else _named(inner, path)
    single = any(isinstance(content.get(name), str | int) for name in _COLUMNS) and not isinstance(content.get("id"), dict)
    return iter([(str(path), content)]) if single else _named(content, path)


def _listed(values: list[Any], path: Path) -> Iterator[tuple[str, Any]]:
    return ((f"{path}, entry {n}", value) for n, value in enumerate(values, 1))


def _named(values: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Any]]:
    """{"v1_0": "an answer"} or {"v1_0": {...}}: rows by id; an id of the row's own stays."""
    for name, value in values.items():
        yield f"{path}, entry {name}", {"id": name, **value} if isinstance(value, dict) else {"id": name, "answer": value}


def _table(text: str, path: Path, mark: str) -> Iterator[tuple[str, Any]]:
    reader = csv.reader(io.StringIO(text), delimiter=mark, strict=True)
    try:
        header = next(reader, [])
        for cells in reader:
            where = f"{path}, line {reader.line_num}"
            if not cells:
                continue
            if len(cells) != len(header):
                raise DataError(f"{where} has another number of columns than the header. {_ADVICE}")
            row: dict[str, str] = {}
            for name, cell in zip(header, cells, strict=True):
                if name and row.setdefault(name, cell) != cell:
                    raise DataError(f"{where}: two columns named {name!r} hold different texts. Rename or remove one of them.")
            yield where, row
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num} is not {path.suffix[1:].upper()} ({error}). {_ADVICE}") from error


def _mme_table(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        cells = line.split("\t")
        if not line:
            continue
        if len(cells) != len(_TABLE):
            wanted = "image, question, label and answer"
            raise DataError(f"{path}, line {number} has {len(cells)} columns; a table of answers has 4 ({wanted}). {_ADVICE}")
        yield f"{path}, line {number}", dict(zip(_TABLE, cells, strict=True))


def _fields(value: object, where: str) -> Mapping[str, Any]:
    """A row of named values; a text alone is an answer (or, in a file of reviews, a reply)."""
    if isinstance(value, str):
        return {"answer": value, "text": value}
    if isinstance(value, Mapping):
        return value
    raise DataError(f"{where} is neither an object of named values nor a text. {_ADVICE}")
