"""`--data miniworld` is the embedded world in every command that reads a data folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.errors import ConfigError
from harness.core.preference import PreferencePair
from harness.storage.label_revisions import read
from harness.storage.run_store import Store
from reports.web import serving
from tests.pair_files import write_pairs


@pytest.fixture
def output(tmp_path: Path, whole_world: Path) -> Path:
    """A fresh output folder in which the world is drawn already."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/miniworld").symlink_to(whole_world / "miniworld")
    with Store(tmp_path / "runs/store.sqlite"):
        pass
    return tmp_path / "runs"


def invoke(*words: str) -> str:
    return CliRunner().invoke(app, list(words), catch_exceptions=False).output


def test_labels_are_imported_and_exported(output: Path, whole_world: Path, tmp_path: Path) -> None:
    official = whole_world / "miniworld/pope/coco_pope_random.json"
    flipped = tmp_path / "coco_repope_random.json"
    flipped.write_text(official.read_text().replace('"label": "no"', '"label": "yes"', 1))
    where = ["--data", "miniworld", "--output", str(output)]
    rows = len(official.read_text().splitlines())
    assert f"{rows - 1:,} right, 1 flipped, 0 removed\n" in invoke("labels", "import", "mine", str(flipped), *where)
    assert [edit.new for edit in read("mine", output).edits].count("flipped") == 1
    invoke("labels", "export", "mine", "--to", str(tmp_path), *where)
    assert (tmp_path / "pope/coco_mine_random.json").read_text() == flipped.read_text()


def test_a_file_that_is_cut_off_is_told(output: Path, whole_world: Path, tmp_path: Path) -> None:
    cut = tmp_path / "coco_repope_random.json"
    lines = (whole_world / "miniworld/pope/coco_pope_random.json").read_text().splitlines(keepends=True)
    cut.write_text("".join(lines[:5]))
    said = invoke("labels", "import", "mine", str(cut), "--data", "miniworld", "--output", str(output))
    assert f"WARNING: {len(lines) - 5:,} of {len(lines):,} labels are removed. Are the files whole?" in said


def test_pairs_and_the_browser_find_its_images(output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = next((output / "miniworld").rglob("*.jpg")).relative_to(output / "miniworld")
    write_pairs(tmp_path / "p.jsonl", [PreferencePair("1", str(image), "", "What?", "A red cat.", ("A dog.",), "t")])
    monkeypatch.chdir(tmp_path)
    assert "cannot be read" not in invoke("pairs", "p.jsonl", "--data", "miniworld")
    monkeypatch.setattr(serving, "serve", lambda *site: None)
    assert "0 runs" in invoke("view", "--data", "miniworld")


def test_fetch_brings_nothing_into_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="`miniworld` is the embedded world"):
        invoke("fetch", "pope", "--data", "miniworld")
    assert list(tmp_path.iterdir()) == []
