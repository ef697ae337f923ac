"""Options of `labels` that a form has no place for are refused, and never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.errors import ConfigError
from harness.storage.label_revisions import dumps, read
from harness.storage.run_store import Store


@pytest.fixture
def output(tmp_path: Path) -> Path:
    with Store(tmp_path / "store.sqlite"):
        pass
    (tmp_path / "mmvp.jsonl").write_text(dumps(read("mmvp-corrected", tmp_path)), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("words", "says"), [
    (["queue", "popee"], "There is no benchmark named 'popee'. Did you mean 'pope'?"),
    (["queue", "pope", "--answers", "--to", "q.json"], "--answers: q.json has no place for answers"),
    (["queue", "pope", "--answers", "--to", "q.json", "--as", "coco"], "--answers: q.json has no place for answers"),
    (["export", "mmvp-corrected", "--license", "CC-BY-4.0"], "--license and --url go with `--as croissant`"),
    (["export", "mmvp-corrected", "--url", "https://x.org"], "--license and --url go with `--as croissant`"),
    (["export", "mmvp-corrected", "--as", "croissant", "--benchmark", "pope"], "--benchmark and --data go with official"),
    (["export", "mmvp-corrected", "--as", "croissant", "--data", "."], "--benchmark and --data go with official"),
    (["export", "mmvp-corrected", "--data", "."], "mmvp-corrected holds no label of pope. Its benchmarks: mmvp."),
    (["import", "mine", "mmvp.jsonl", "--source", "us"], "--source: mmvp.jsonl is a revision and has its own citation"),
    (["votes", "q.json", "--reviewer", "Ada"], "--reviewer: q.json is read as an export of Label Studio"),
])  # fmt: skip
def test_an_option_without_a_place_is_refused(
    output: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(output)
    before = set(output.rglob("*"))
    done = CliRunner().invoke(app, ["labels", *words, "--output", str(output)])
    assert isinstance(done.exception, ConfigError) and says in str(done.exception), done.exception
    assert set(output.rglob("*")) == before
