"""CSV files that people fill in with a spreadsheet program, out and in again.

Out: a byte order mark and quotes, so that every program reads them right, and an apostrophe before each cell that
would otherwise be a formula. In: whatever such programs save - byte order marks, UTF-16, semicolons or tabs for commas, line
breaks inside quotes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType

from harness.core.errors import DataError

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOST_BYTES = 200_000_000
LONGEST_CELL = 30_000  # characters of a text that is written; Excel cuts a cell at 32,767


@dataclass(frozen=True, slots=True)
class Line:
    """One row and its place, for error messages."""

    where: str
    cells: Mapping[str, str]


def write_sheet(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The file's text, to be written as UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_guarded(cell) for cell in row] for row in rows)
    return "\ufeff" + out.getvalue()


def read_sheet(path: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> list[Line]:
    """The table of a file; see `parse_sheet`."""
    return parse_sheet(read_bytes(path), str(path), needed, optional=optional)


def read_bytes(path: Path) -> bytes:
    """Raises DataError where the file cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from error


def parse_sheet(
    raw: bytes,
    name: str,
    needed: Sequence[str],
    renamed: Mapping[str, str] = MappingProxyType({}),
    optional: Sequence[str] = (),
) -> list[Line]:
    """Rows by column name; empty rows are left out, and cells that a row lacks at its end are empty.

    `renamed`: former name -> name of a column. `optional`: columns that are read where they are there.

    Raises DataError, with `name` as the table's name, where the bytes are not a table with the needed columns, or where two
    columns have the name of one that is read.
    """
    (_, names), *rows = _numbered_rows(_text(raw, name), name) or [(1, [])]
    header = [renamed.get(column, column) for column in (cell.strip().lower() for cell in names)]
    _check_header(header, name, needed, optional)
    ragged = [n for n, row in rows if len(row) > len(header) and any(row[len(header) :])]
    if ragged:
        raise DataError(f"{name}, row {ragged[0]} has more cells than the first row has names. Is a quotation mark missing?")
    return [
        Line(
            f"{name}, row {n}", {column: _bare(cell) for column, cell in zip_longest(header, row[: len(header)], fillvalue="")}
        )
        for n, row in rows
    ]


def _check_header(header: Sequence[str], name: str, needed: Sequence[str], optional: Sequence[str]) -> None:
    missing = [column for column in needed if column not in header]
    if missing:
        raise DataError(
            f"{name} has no column {', '.join(map(repr, missing))}; it has {', '.join(map(repr, header)) or 'nothing'}. "
            "Keep the first line as it was exported."
        )
    for column in (*needed, *optional):
        places = [str(n) for n, other in enumerate(header, 1) if other == column]
        if len(places) > 1:  # nobody can tell which one is meant
            raise DataError(
                f"{name} has more than one column {column!r} (columns {', '.join(places)}). Remove or rename the one "
                "that does not count."
            )


def _numbered_rows(text: str, name: str) -> list[tuple[int, list[str]]]:
    """The rows that are not empty, each with its number in a spreadsheet program, which counts the empty ones too."""
    first = 1
    if (whole := text.lstrip("\r\n")).startswith("sep="):  # Excel's own first line, which it does not show
        text = whole.partition("\n")[2]
    else:
        first += len(text[: len(text) - len(whole)].splitlines())
        text = whole
    comma = max(",;\t", key=text.split("\n", 1)[0].count)
    old = csv.field_size_limit(_MOST_BYTES)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=comma, strict=True)
        return [(n, row) for n, row in enumerate(rows, first) if any(row)]
    except csv.Error as error:
        raise DataError(
            f"{name} cannot be read as a table ({error}). Save it again as CSV from your spreadsheet program."
        ) from error
    finally:
        csv.field_size_limit(old)


def _text(raw: bytes, name: str) -> str:
    if len(raw) > _MOST_BYTES:
        raise DataError(f"{name} has {len(raw):,} bytes; at most {_MOST_BYTES:,} are read.")
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        kind = "UTF-16" if encoding == "utf-16" else "UTF-8"
        line, byte = error.object[: error.start].count(b"\n") + 1, error.object[error.start]
        raise DataError(
            f"{name}, line {line} is not {kind} text (byte {byte:#04x}). Was it saved in a Windows or Mac encoding? Save it "
            "again as \u201cCSV UTF-8\u201d."
        ) from error


def _guarded(cell: str) -> str:
    """An apostrophe before what a spreadsheet would run, and before an apostrophe that hides one, so that it comes back."""
    return f"'{cell}" if cell.lstrip("'").startswith(_FORMULA) else cell


def _bare(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell
