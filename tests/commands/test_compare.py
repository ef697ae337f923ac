"""What `compare` writes to standard output is what the run's own files hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.api import actions
from harness.cli import app
from harness.core import registry


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "a,b\n\n"])
def test_a_report_on_standard_output_has_no_newline_more(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(actions, "compared", lambda *_: None)
    monkeypatch.setattr(registry, "get", lambda kind, name: lambda comparison: text)
    done = CliRunner().invoke(app, ["compare", "mini", "--as", "csv", "--output", str(tmp_path)], catch_exceptions=False)
    assert done.stdout_bytes == text.encode()


def test_a_form_that_does_not_exist_is_told_with_all_that_do(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["compare", "mini", "--as", "inspekt", "--output", str(tmp_path)])
    assert str(done.exception) == (
        "There is no form `--as inspekt`. Did you mean 'inspect'? Known: table, csv, html, json, latex, markdown, eee, "
        "inspect, wandb, mlflow."
    )
