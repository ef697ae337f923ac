"""A file of pairs is read once for all that looks at it before a run, and again as soon as it is another file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from alignment.data import pairs as reading
from alignment.data.forms.kept_files import drop_kept, files_kept
from alignment.data.pairs import read_pairs, read_trl
from harness.core.errors import DataError

ROW = {"id": "one", "image": "a.png", "prompt": "What?", "chosen": "A cat.", "rejected": ["A dog."]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "pairs.jsonl").write_text(json.dumps(ROW))
    return tmp_path / "pairs.jsonl"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read."""
    found, whole = list[Path](), reading.read_text
    monkeypatch.setattr(reading, "read_text", lambda path: found.append(path) or whole(path))
    return found


def test_inside_the_block_it_is_read_once_and_outside_each_time(file: Path, read: list[Path]) -> None:
    with files_kept():
        first, second = read_pairs(file), read_pairs(file)
    assert first == second and first is not second and len(read) == 1
    read_pairs(file)
    read_pairs(file)
    assert len(read) == 3


def test_a_file_that_changed_is_read_again(file: Path) -> None:
    with files_kept():
        assert read_pairs(file)[0].chosen == "A cat."
        now = file.stat()
        file.write_text(json.dumps(ROW | {"chosen": "A bat."}))
        os.utime(file, ns=(now.st_atime_ns, now.st_mtime_ns + 1))
        assert read_pairs(file)[0].chosen == "A bat."
        other = file.with_name("other")
        other.write_text(json.dumps(ROW | {"chosen": "A rat."}))
        os.utime(other, ns=(now.st_atime_ns, now.st_mtime_ns + 1))
        other.replace(file)  # of the same size and time
        assert read_pairs(file)[0].chosen == "A rat."
        file.write_text(json.dumps(ROW | {"chosen": "A hat."}))
        os.utime(file, ns=(now.st_atime_ns, now.st_mtime_ns + 1))  # the same file, of the same size and time
        assert read_pairs(file)[0].chosen == "A hat."


def test_one_way_to_read_it_is_not_taken_for_another(file: Path) -> None:
    with files_kept():
        read_pairs(file)
        with pytest.raises(DataError, match="TRL"):
            read_trl(file)


def test_a_faulty_file_is_not_kept(file: Path) -> None:
    with files_kept():
        file.write_text("{")
        with pytest.raises(DataError):
            read_pairs(file)
        file.write_text(json.dumps(ROW))
        assert len(read_pairs(file)) == 1


def test_what_was_kept_is_dropped_at_the_end_of_an_inner_block_and_on_demand(file: Path, read: list[Path]) -> None:
    with files_kept():
        read_pairs(file)
        with files_kept():
            read_pairs(file)
        assert len(read) == 1
        read_pairs(file)
        read_pairs(file)
        assert len(read) == 2
        drop_kept()
        read_pairs(file)
        read_pairs(file)
        assert len(read) == 4
