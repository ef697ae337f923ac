"""The edge of the harness: what libraries raise becomes one of our errors, with the place and what to do."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from harness.core.edge.files import json_lines, parse_json, read_text
from harness.core.edge.foreign import refused_as
from harness.core.edge.text import printable
from harness.core.errors import ConfigError, DataError


@pytest.mark.parametrize("error", [ValueError("bad\nthing"), KeyError("x"), RecursionError(), RuntimeError(), MemoryError()])
def test_whatever_a_library_raises_becomes_our_error_with_its_place(error: Exception) -> None:
    with (
        pytest.raises(DataError, match=r"^a\.json: .+\. Fetch it again\.$") as caught,
        refused_as(DataError, "a.json", "Fetch it again."),
    ):
        raise error
    assert "\n" not in str(caught.value) and caught.value.__cause__ is error


def test_our_own_errors_and_a_full_disk_pass_through() -> None:
    with pytest.raises(ConfigError, match="^own$"), refused_as(DataError, "a.json"):
        raise ConfigError("own")
    with pytest.raises(OSError), refused_as(DataError, "a.json"):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("text", "told"), [
    ("{", r"a\.json is not JSON \(.* at column 2\)"),
    ('[1,\n2,\n"x]', r"a\.json, line 3 is not JSON"),
    ("[" * 100_000, "nested too deep"),
    ("1" * 4301, "not usable JSON"),
])  # fmt: skip
def test_broken_json_is_told_by_place(text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        parse_json(text, "a.json")


def test_lone_surrogates_become_the_replacement_character() -> None:
    assert parse_json(r'{"a\ud800": ["\udfff!", "\ud83d\ude00"]}', "a.json") == {"a\ufffd": ["\ufffd!", "\U0001f600"]}


def test_lines_of_json_end_at_line_feeds_alone() -> None:
    texts = ["one\u2028two", "one\u2029two", "one\x85two", "one\x0btwo"]
    lines = "\r\n".join(f'"{text}"' if text[3] >= " " else '"one\\u000btwo"' for text in texts)
    assert [value for _, value in json_lines(lines, "a.jsonl")] == texts


def test_a_line_that_is_not_json_is_told_by_its_number() -> None:
    with pytest.raises(DataError, match=r"^a\.jsonl, line 3 is not JSON"):
        list(json_lines('{"a": 1}\n\n{"a": \n', "a.jsonl"))


def test_bytes_that_are_not_utf8_are_told_by_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"one\ntwo \xff")
    with pytest.raises(DataError, match=r"a\.json, line 2 is not UTF-8 text \(byte 0xff\)"):
        read_text(path)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir()], ids=["missing", "a folder"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "a.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path / "a.json")


def test_blanks_of_other_widths_stay() -> None:
    assert printable("\u72d7\u3000\u732b\u00a0\x1b") == "\u72d7\u3000\u732b\u00a0\ufffd"


def test_escape_sequences_never_reach_a_terminal() -> None:
    assert printable("a\x1b[2Jb\x07\rc\x9b31m\u202ed\n\te") == "a\ufffd[2Jb\ufffd\ufffdc\ufffd31m\ufffdd\n\te"


@pytest.mark.parametrize(("content", "message"), [
    (b"PK\x03\x04" + b"\xc7" * 20, "a.json is an Excel file or a zip archive, which is not read. Save the sheet as CSV or TSV"),
    (b"\xd0\xcf\x11\xe0" + b"\xa1" * 20, "a.json is an Excel file, which is not read. Save the sheet as CSV or TSV"),
    (b"PAR1" + b"\xff" * 20, "a.json is a Parquet file, which is not read. Write its rows as JSON lines"),
    (b"\x1f\x8b\x08\x00" + b"\xff" * 20, "a.json is packed with gzip. Unpack it"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n", "a.json is a Git LFS pointer, not the file"),
])  # fmt: skip
def test_a_file_that_is_no_text_is_said_as_what_it_is(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_text(tmp_path / "a.json")
