"""Where a sweep is written: the study's folder, unless the command names one."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.commands import sweep


@pytest.mark.parametrize(("words", "output"), [
    (["study.yaml"], "there"),
    (["study.yaml", "--output", "here"], "here"),
    ([], "runs"),
])  # fmt: skip
def test_a_sweep_is_written_where_the_command_says_else_where_the_study_does(
    words: list[str], output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = "name: t\noutput: there\nmodel: {name: scripted, answers: x}\nsweep: [{name: pope}]\n"
    (tmp_path / "study.yaml").write_text(study)
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []
    monkeypatch.setattr(sweep, "carry_out", lambda chosen: seen.append(str(chosen.output)))
    done = CliRunner().invoke(app, ["sweep", *words])
    assert seen == [output], done.output
