"""Fetching official files: from a server on this machine, since the suite has no network."""

from __future__ import annotations

import functools
import logging
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest
from typer.testing import CliRunner

from benchmarks._files.official_files import OfficialFile
from harness.cli import app
from harness.core import registry
from harness.core.digests import text_digest
from harness.core.errors import ConfigError, UnknownPlugin
from harness.storage.official_files import FETCHED, MISSING, PRESENT, WRONG, Fetched, Fetcher


def test_what_has_no_official_files_says_so() -> None:
    done = CliRunner().invoke(app, ["fetch", "jsonl", "--offline"])
    assert done.exit_code == 0
    assert done.output.startswith("jsonl has no official files; it reads those that its options name")


class Silent(SimpleHTTPRequestHandler):
    asked: list[str] = []

    def log_message(self, *_: object) -> None:
        Silent.asked.append(self.path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A folder over HTTP: a file, and an archive with a file and a folder of images."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "questions.json").write_text("questions")
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("in/answers.json", "answers")
        archive.writestr("in/images/a.jpg", "an image")
    (folder / "broken.zip").write_text("not a zip")
    Silent.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def bring(
    monkeypatch: pytest.MonkeyPatch, data: Path, *files: OfficialFile, images: bool = False, offline: bool = False
) -> list[Fetched]:
    monkeypatch.setattr(registry.get("benchmark", "pope"), "files", files)
    return Fetcher(data, images=images, offline=offline, say=lambda _: None).fetch(["pope"])


def official(name: str, url: str = "", member: str = "", sha256: str = "") -> OfficialFile:
    return OfficialFile(name, "somewhere", "MIT", "copy it", url=url, member=member, sha256=sha256)


def test_a_missing_file_is_fetched_and_one_that_is_there_is_not(monkeypatch, server, tmp_path):
    data = tmp_path / "data"
    file = official("pope/q.json", f"{server}/questions.json", sha256=text_digest("questions"))
    assert [f.state for f in bring(monkeypatch, data, file)] == [FETCHED]
    assert (data / "pope/q.json").read_text() == "questions"
    assert [f.state for f in bring(monkeypatch, data, file)] == [PRESENT]
    assert len(Silent.asked) == 1
    assert sorted(p.name for p in data.iterdir()) == ["pope"]  # no archive is left behind


def test_members_of_one_archive_cost_one_download_and_images_wait_for_a_word(monkeypatch, server, tmp_path):
    data = tmp_path / "data"
    files = (
        official("a/answers.json", f"{server}/all.zip", "in/answers.json"),
        official("a/images", f"{server}/all.zip", "in/images/"),
    )
    (answers, images) = bring(monkeypatch, data, *files)
    assert (answers.state, images.state) == (FETCHED, MISSING) and "--images" in images.note
    assert (data / "a/answers.json").read_text() == "answers"
    other = tmp_path / "other"
    Silent.asked = []
    assert [f.state for f in bring(monkeypatch, other, *files, images=True)] == [FETCHED, FETCHED]
    assert (other / "a/images/a.jpg").read_text() == "an image" and len(Silent.asked) == 1


@pytest.mark.parametrize(
    ("path", "member", "reason"),
    [
        ("nowhere.json", "", "404"),
        ("broken.zip", "in/x.json", "could not be unpacked"),
        ("all.zip", "in/other.json", "could not be unpacked"),
    ],
)
def test_what_cannot_be_fetched_says_why_and_how_to_do_it_by_hand(monkeypatch, server, tmp_path, path, member, reason):
    (found,) = bring(monkeypatch, tmp_path / "data", official("p/q.json", f"{server}/{path}", member))
    assert found.state == MISSING and reason in found.note
    assert f"copy it, from {server}/{path}; it belongs at {tmp_path}/data/p/q.json" in found.note
    assert not (tmp_path / "data/p/q.json").exists()


def test_a_host_that_is_not_there_is_named_in_one_line(monkeypatch, tmp_path):
    (found,) = bring(monkeypatch, tmp_path / "data", official("q.json", "http://127.0.0.1:9/q.json"))
    assert found.note.startswith("127.0.0.1:9 cannot be reached. Manual download: copy it")


def test_another_sha256_is_wrong_and_the_file_is_left_where_it_is(monkeypatch, tmp_path):
    (tmp_path / "q.json").write_text("mine")
    (found,) = bring(monkeypatch, tmp_path, official("q.json", sha256=text_digest("theirs")))
    assert found.state == WRONG and text_digest("mine") in found.note
    assert (tmp_path / "q.json").read_text() == "mine"


def test_a_folder_of_images_that_was_made_and_not_filled_is_missing_and_is_fetched(monkeypatch, server, tmp_path):
    (tmp_path / "images").mkdir()
    file = official("images", f"{server}/all.zip", member="in/images/")
    assert [f.state for f in bring(monkeypatch, tmp_path, file)] == [MISSING]
    assert [f.state for f in bring(monkeypatch, tmp_path, file, images=True)] == [FETCHED]
    (found,) = bring(monkeypatch, tmp_path, file)
    assert (found.state, found.note) == (PRESENT, "1 file")


def test_offline_nothing_is_asked_for(monkeypatch, server, tmp_path):
    (found,) = bring(monkeypatch, tmp_path / "data", official("q.json", f"{server}/questions.json"), offline=True)
    assert found.state == MISSING and Silent.asked == []


def test_a_wrong_name_and_a_wrong_folder_are_refused(tmp_path):
    with pytest.raises(UnknownPlugin, match="Did you mean 'pope'"):
        Fetcher(tmp_path, images=False, offline=True, say=print).fetch(["poppe"])
    with pytest.raises(UnknownPlugin, match="There is no benchmark or source named 'povidd'. Did you mean 'povid'"):
        Fetcher(tmp_path, images=False, offline=True, say=print).fetch(["povidd"])
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file, not a data folder"):
        Fetcher(tmp_path / "file", images=False, offline=True, say=print)


def test_the_command_names_each_file_with_its_licence_and_fails_while_one_is_missing(tmp_path):
    result = CliRunner().invoke(app, ["fetch", "pope", "--data", str(tmp_path), "--offline"])
    assert result.exit_code == 1
    assert "missing pope: pope/coco_pope_random.json (MIT), from github.com/AoiDragon/POPE" in result.output


def test_every_link_is_an_archive_where_a_member_is_named():
    for name in registry.names("benchmark"):
        for file in registry.get("benchmark", name).files:
            assert bool(file.member) == file.url.endswith(".zip"), file


def test_a_download_leaves_the_level_of_the_logger_of_pooch_as_it_was(monkeypatch, server, tmp_path):
    pooch.get_logger().setLevel("INFO")
    for path in ("questions.json", "nowhere.json"):
        bring(monkeypatch, tmp_path / path, official("q.json", f"{server}/{path}"))
    assert pooch.get_logger().level == logging.INFO
