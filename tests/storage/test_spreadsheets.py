"""CSV out to a spreadsheet program and in again, whatever it makes of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import DataError
from harness.storage.spreadsheets import parse_sheet, read_sheet, write_sheet

HEADER = ["item_id", "word", "comment"]
ROWS = [["1", "wrong", 'two lines,\nand "quotes"; no dog'], ["500007", "", ""], ["3", "right", "\u00e9t\u00e9 \u72d7"]]


def saved(tmp_path: Path, raw: bytes) -> Path:
    path = tmp_path / "queue.csv"
    path.write_bytes(raw)
    return path


def cells(path: Path) -> list[list[str]]:
    return [[line.cells[name] for name in HEADER] for line in read_sheet(path, HEADER)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("comma", [",", ";", "\t"])
@pytest.mark.parametrize("first", ["", "sep={comma}\r\n"])
def test_what_spreadsheet_programs_save_reads_back(tmp_path: Path, encoding: str, comma: str, first: str) -> None:
    text = write_sheet(HEADER, ROWS).removeprefix("\ufeff")
    if comma != ",":
        quoted = ['"' + cell.replace('"', '""') + '"' for row in [HEADER, *ROWS] for cell in row]
        text = "".join(comma.join(quoted[i : i + 3]) + "\r\n" for i in range(0, len(quoted), 3))
    mark = "\ufeff" if encoding == "utf-8" else ""
    assert cells(saved(tmp_path, (mark + first.format(comma=comma) + text).encode(encoding))) == ROWS


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1", "-2", "@SUM(A1)", "\tx", "'=quoted", "''=twice", "plain", "'s"])
def test_no_cell_becomes_a_formula_and_every_cell_comes_back(tmp_path: Path, cell: str) -> None:
    text = write_sheet(HEADER, [["1", "", cell]])
    assert not any(line.lstrip('"').startswith(("=", "+", "-", "@")) for line in text.split(",")[1:])
    assert cells(saved(tmp_path, text.encode()))[0][2] == cell


def test_cells_that_a_row_lacks_at_its_end_are_empty() -> None:
    (line,) = parse_sheet(b"benchmark,answer_id,rating\nmmvet,x\n", "ratings.csv", ["rating"])
    assert dict(line.cells) == {"benchmark": "mmvet", "answer_id": "x", "rating": ""}


def test_empty_rows_and_further_columns_are_no_harm(tmp_path: Path) -> None:
    path = saved(tmp_path, b"note,Item_ID ,word,comment\n,,,\nx,1,right,fine\n")
    assert cells(path) == [["1", "right", "fine"]]


@pytest.mark.parametrize(("raw", "row"), [
    (b"item_id,word,comment\n1,right,\n", 2),
    (b"item_id,word,comment\n,,,\n\n1,right,\n", 4),
    (b"\r\n\r\nitem_id,word,comment\r\n1,right,\r\n", 4),
    (b'item_id,word,comment\n2,"two\nlines",\n1,right,\n', 3),  # one row, though two lines of the file
    (b"sep=,\r\nitem_id,word,comment\r\n1,right,\r\n", 2),  # a line that the program does not show
])  # fmt: skip
def test_a_row_has_the_number_that_the_spreadsheet_program_shows(raw: bytes, row: int) -> None:
    assert parse_sheet(raw, "q.csv", HEADER)[-1].where == f"q.csv, row {row}"


@pytest.mark.parametrize(("raw", "words"), [
    (b"item_id,comment\n1,x\n", "has no column 'word'"),
    (b"", "it has nothing"),
    (b'item_id,word,comment\n1,right,"open\n', "cannot be read as a table"),
    (b"item_id,word,comment\n1,right,\xff\n", "line 2 is not UTF-8 text .byte 0xff"),
    (b"item_id,word,comment\n1,right,a,b,c\n", "row 2 has more cells"),
    (b"item_id,word,comment\n\n1,right,a,b,c\n", "row 3 has more cells"),
])  # fmt: skip
def test_what_is_no_such_table_is_told(tmp_path: Path, raw: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_sheet(saved(tmp_path, raw), HEADER)


@pytest.mark.parametrize(("header", "columns"), [
    (b"item_id,Word,comment,word ", "'word' .columns 2, 4."),
    (b"item_id,word,comment,comment", "'comment' .columns 3, 4."),
    (b"item_id,word,comment,judgement", "'word' .columns 2, 4."),  # the former name and the name
])  # fmt: skip
def test_a_column_that_is_read_may_not_stand_twice(header: bytes, columns: str) -> None:
    with pytest.raises(DataError, match=f"q.csv has more than one column {columns}.* Remove or rename"):
        parse_sheet(header + b"\n1,right,,wrong\n", "q.csv", HEADER[:2], {"judgement": "word"}, HEADER[2:])


def test_a_column_that_is_not_read_may_stand_twice() -> None:
    assert parse_sheet(b"note,item_id,word,comment,note\na,1,right,,b\n", "q.csv", HEADER)[0].cells["word"] == "right"
