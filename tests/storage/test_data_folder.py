"""The data folder: missing files are named with the way to get them, caches are never stale."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.core.digests import file_digest, model_digest
from harness.core.errors import DataError
from harness.storage.data_folder import DataFolder


def test_a_missing_file_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"pope/x\.json is not in the data folder .* Put a file of your own there.* `python -m harness fetch NAME --data ",
    ):
        DataFolder(tmp_path).path("pope/x.json")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.mkdir(), "is a folder, not a file"),
        (lambda path: path.symlink_to("gone.json"), "is a link to gone.json, which is not there"),
        (lambda path: path.symlink_to(path.name), "is a loop of links"),
        (os.mkfifo, "is a pipe or a device, not a file"),
    ],
    ids=["folder", "link", "loop", "pipe"],
)
def test_what_stands_in_the_place_of_a_file_is_named(tmp_path: Path, make, says: str) -> None:
    make(tmp_path / "x.json")
    with pytest.raises(DataError) as caught:
        DataFolder(tmp_path).path("x.json")
    assert str(caught.value) == f"x.json in the data folder {tmp_path} {says}. Put the file there."


def test_a_digest_follows_the_content(tmp_path: Path) -> None:
    data, file = DataFolder(tmp_path), tmp_path / "a.txt"
    file.write_text("one")
    before = data.digest("a.txt")
    file.write_text("two")
    os.utime(file, ns=(1, 1))
    assert data.digest("a.txt") != before


def test_a_large_file_changed_in_place_at_its_old_time_is_read_again(tmp_path: Path) -> None:
    """The size and time of another one is what `cp -p`, `rsync --inplace -t` and archives give a file."""
    file = tmp_path / "large.json"
    file.write_bytes(b"a" * (1 << 20))
    before, time = DataFolder(tmp_path).digest("large.json"), file.stat().st_mtime_ns
    assert DataFolder(tmp_path).digest("large.json") == before
    with file.open("r+b") as handle:
        handle.write(b"b")
    os.utime(file, ns=(time, time))
    assert DataFolder(tmp_path).digest("large.json") == file_digest(file) != before


def test_digests_that_an_older_version_remembered_are_not_used(tmp_path: Path) -> None:
    file, cache = tmp_path / "large.json", tmp_path / ".cache/digests.json"
    file.write_bytes(b"a" * (1 << 20))
    cache.parent.mkdir()
    cache.write_text(json.dumps({str(file.resolve()): [1 << 20, file.stat().st_mtime_ns, "of another content"]}))
    assert DataFolder(tmp_path).digest("large.json") == file_digest(file)


def test_a_cached_value_is_made_once_and_survives_a_broken_cache_file(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> dict[str, int]:
        made.append(1)
        return {"a": 1}

    assert [DataFolder(tmp_path).cached("key", make) for _ in range(3)] == [{"a": 1}] * 3
    assert len(made) == 1
    next((tmp_path / ".cache").iterdir()).write_text("{half")
    assert DataFolder(tmp_path).cached("key", make) == {"a": 1} and len(made) == 2


def test_text_with_a_byte_order_mark_is_read_and_rubbish_is_named(tmp_path: Path) -> None:
    (tmp_path / "bom.json").write_bytes(b"\xef\xbb\xbf[]")
    (tmp_path / "rubbish.json").write_bytes(b"\xff\xfe\x00")
    data = DataFolder(tmp_path)
    assert data.read_text("bom.json") == "[]"
    with pytest.raises(DataError, match=r"rubbish\.json, line 1 is not UTF-8"):
        data.read_text("rubbish.json")


def test_a_models_identity_is_its_content_not_its_place_and_not_its_log(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").write_bytes(b"weights")
    here, there = tmp_path / "here", tmp_path / "there"
    (there / "training_log.json").write_text("[1]")
    assert model_digest(here) == model_digest(there)
    (there / "chat_template.jinja").write_text("x")
    assert model_digest(here) != model_digest(there)
