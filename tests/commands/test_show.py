"""What `show` says of the state of a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

import harness.cli  # noqa: F401  # registers the commands
from benchmarks.pope import Pope
from harness.commands._app import app
from harness.core.evaluation import Answer
from harness.core.run_record import Checkpoint, ProtocolRecord
from harness.storage.run_folder import locked
from harness.storage.run_store import Store, StoredResult, StoredRun

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


def test_a_run_whose_benchmarks_have_changed_is_not_said_to_be_continued(output: Path) -> None:
    pope = Pope(splits=["random"])
    item, answer = pope.examples[0].item, Answer("1", "No.", 2, "end")
    with Store(output / "store.sqlite") as store:
        for version in (str(pope.version), "0"):
            facts = ProtocolRecord({"benchmark version": version})
            options = {"name": "pope", "splits": ["random"]}
            scores = (pope.score(item, answer),)
            store.add_answers("d", {"k": answer})
            result = StoredResult("base", "pope", Checkpoint("m", "m", "", "d"), options, facts, (item,), ("k",), scores)
            store.add_result("one-1a2b", 0, result)
            told = shown(output)
            assert ("To continue" in told) == ("labels, questions, images, judges or" in told) == (version != "0")
            assert ("POPE was measured by version 0 of the benchmark; here is version" in told) == (version == "0")
            assert told.count("was measured by version") == (version == "0")
    assert "under another name" in told
