"""Where only a part of a benchmark was asked, its numbers do not leave without saying so."""

from __future__ import annotations

import csv
import io
import json
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.core.run_record import RunRecord, StudyNotes
from harness.results.trackers import log_table
from reports.comparison.compare import compare
from reports.exports import eee, inspect
from reports.writers.csv import write

PART = "POPE over its first 60 images"


@pytest.fixture
def partial(record: RunRecord) -> RunRecord:
    """All of CHAIR, and a part of POPE."""
    return replace(record, study=StudyNotes(partial=(PART,)))


def test_eee_says_it_with_each_result_of_the_benchmark(partial: RunRecord, tmp_path: Path) -> None:
    wholes = [json.loads(path.read_text()) for path in eee.export([partial], tmp_path) if path.suffix == ".json"]
    sources = [found["source_data"] for whole in wholes for found in whole["evaluation_results"]]
    said = {(one["dataset_name"], one.get("additional_details", {}).get("partial")) for one in sources}
    assert said == {("pope", PART), ("chair", None)}


def test_inspect_says_it_in_its_logs(partial: RunRecord, tmp_path: Path) -> None:
    evals = [json.loads(path.read_text())["eval"] for path in inspect.export([partial], tmp_path)]
    said = {(one["task"], one["config"].get("limit"), one["metadata"].get("partial")) for one in evals}
    assert said == {("pope", 60 * 18, PART), ("chair", None, None)}


def test_csv_says_it_in_each_row(partial: RunRecord) -> None:
    rows = list(csv.DictReader(io.StringIO(write(compare([partial])))))
    assert {(row["benchmark"], row["partial"]) for row in rows} == {("pope", PART), ("chair", "")}


def test_a_base_that_two_runs_share_has_the_parts_of_both(partial: RunRecord) -> None:
    other = replace(partial, run_id="another", study=StudyNotes(partial=("CHAIR over its first 60 images",)))
    assert compare([partial, other]).columns[0].partial == (PART, "CHAIR over its first 60 images")


@pytest.mark.parametrize("tracker", ["mlflow", "wandb"])
def test_trackers_have_it_among_the_facts(partial: RunRecord, monkeypatch: pytest.MonkeyPatch, tracker: str) -> None:
    facts: list[dict[str, Any]] = []

    def init(config: dict[str, Any], **_: Any) -> Any:
        facts.append(config)
        return SimpleNamespace(summary={}, log=print, finish=lambda: None)

    fake: dict[str, Any] = dict.fromkeys(("set_experiment", "log_metrics", "log_text"), lambda *_: None)
    fake |= {"start_run": lambda run_name: nullcontext(), "log_params": facts.append}
    fake |= {"init": init, "Table": lambda columns, data: None}
    monkeypatch.setitem(sys.modules, tracker, SimpleNamespace(**fake))
    log_table(tracker, compare([partial]))
    assert [one["partial"] for one in facts] == [PART, PART]
