"""What `show` says of the state of a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.commands._app import app
from harness.storage.run_folder import locked
from harness.storage.run_store import Store, StoredRun

CONFIG = "model: {name: scripted}\nsweep: [{name: pope}]\n"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    with Store(tmp_path / "store.sqlite") as store:
        store.begin(StoredRun("one-1a2b", "one", "2026-01-01", "running", CONFIG, "python -m harness run", {}, "/nowhere"))
    return tmp_path


def shown(output: Path) -> str:
    result = CliRunner().invoke(app, ["show", "one", "--output", str(output)])
    assert result.exit_code == 0, result
    return result.output


def test_a_run_that_a_process_works_on_is_not_said_to_be_continued(output: Path) -> None:
    with locked(output / "one-1a2b"):
        told = shown(output)
    assert f"Process {os.getpid()} works on it." in told and "To continue" not in told


def test_a_run_whose_process_is_gone_is_said_to_be_continued_by_its_command(output: Path) -> None:
    with locked(output / "one-1a2b"):
        pass
    told = shown(output)
    assert "interrupted" in told and "To continue: python -m harness run" in told and "works on it" not in told
