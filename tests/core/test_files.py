"""Whole or not there: files and folders that are replaced in one step."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from harness.cli import explained
from harness.core import files
from harness.core.files import storable, write_folder_whole, write_text_whole, write_whole


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture
def small_files() -> Iterator[None]:
    """The system refuses files over 4096 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_pipe_is_written_into_and_stays_one(tmp_path: Path) -> None:
    """As root, `--json /dev/null` put a file in the place of the device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text_whole(pipe, "a text\n")
    assert os.read(reading, 100) == b"a text\n" and pipe.is_fifo() and names(tmp_path) == ["pipe"]
    os.close(reading)


def test_what_a_command_writes_to_its_own_output_goes_there(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from harness.core.files import write_text_whole\n"
        "print(1, flush=True); write_text_whole(Path('/dev/stdout'), '2\\n')"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n2\n"
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", code], cwd=root, stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "1\n2\n" and Path("/dev/stdout").is_symlink()


@pytest.mark.usefixtures("small_files")
def test_what_the_system_refuses_safetensors_is_an_error_of_the_system(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        save_file({"a": torch.zeros(5000)}, folder / "a.safetensors")

    with pytest.raises(OSError, match="File too large") as caught:
        write_whole(tmp_path / "a.safetensors", lambda path: save_file({"a": torch.zeros(5000)}, path))
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(tmp_path / "a.safetensors"))
    with pytest.raises(OSError, match="File too large"):
        write_folder_whole(tmp_path / "b", fill)
    assert names(tmp_path) == []


def test_a_full_disk_is_told_as_such_whoever_found_it_full(tmp_path: Path) -> None:
    def fails(path: Path) -> None:
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")

    with pytest.raises(OSError) as caught:
        write_whole(tmp_path / "a.safetensors", fails)
    assert explained(caught.value)[0].startswith(f"{tmp_path / 'a.safetensors'}: The disk is full.")


def test_a_file_that_the_full_disk_has_no_room_for_is_named(tmp_path: Path) -> None:
    def fails(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")  # as writing into an open file does

    for write in (write_whole, write_folder_whole):
        with pytest.raises(OSError, match="No space left") as caught:
            write(tmp_path / "a", fails)
        assert explained(caught.value)[0].startswith(f"{tmp_path / 'a'}: The disk is full.")


def test_a_folder_without_permission_is_told_by_the_file_that_was_meant(tmp_path: Path) -> None:
    def refuses(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with pytest.raises(PermissionError) as caught:
        write_whole(tmp_path / "q.csv", refuses)
    assert explained(caught.value)[0].startswith(f"{tmp_path / 'q.csv'}: Permission denied.")
    with pytest.raises(PermissionError) as caught:
        write_folder_whole(tmp_path / "model", lambda part: refuses(part / "a.json"))
    assert caught.value.filename == str(tmp_path / "model" / "a.json")


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    write_text_whole(tmp_path / "a.txt", "old")

    def fails(path: Path) -> None:
        path.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(tmp_path / "a.txt", fails)
    assert (tmp_path / "a.txt").read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_the_bytes_are_on_the_disk_before_the_file_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append((tmp_path / "a.txt").exists()))
    write_text_whole(tmp_path / "a.txt", "text")
    assert flushed == [False, True]  # the file before it is renamed, its folder afterwards


def test_what_a_killed_process_left_is_removed_and_a_living_ones_stays(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".a.pt.{dead.pid}.part").write_text("half")
    (tmp_path / f".a.pt.{os.getppid()}.part").write_text("half")
    write_text_whole(tmp_path / "a.pt", "whole")
    assert names(tmp_path) == [f".a.pt.{os.getppid()}.part", "a.pt"]


def test_line_ends_stay_and_lone_surrogates_become_question_marks(tmp_path: Path) -> None:
    write_text_whole(tmp_path / "new" / "a.csv", "a\r\n\ud800\n")
    assert (tmp_path / "new" / "a.csv").read_bytes() == b"a\r\n?\n"
    assert storable("caf\u00e9 \udfff") == "caf\u00e9 ?"


def test_a_folder_is_replaced_whole_or_stays(tmp_path: Path) -> None:
    write_folder_whole(tmp_path / "model", lambda part: (part / "old").write_text("1"))

    def fails(part: Path) -> None:
        (part / "new").write_text("2")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_folder_whole(tmp_path / "model", fails)
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == ["old"]
    write_folder_whole(tmp_path / "model", lambda part: (part / "new").write_text("2"))
    assert names(tmp_path / "model") == ["new"]


def test_every_file_of_a_folder_is_flushed_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(files, "_flush", lambda path: flushed.append(path.name))
    write_folder_whole(tmp_path / "m", lambda part: [(part / name).write_text(name) for name in ("a", "b")])
    assert sorted(flushed[:2]) == ["a", "b"] and flushed[2] == tmp_path.name
