"""Two files of answers: what is known of both is compared, and what is not known is neither the same nor another."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

import harness
import harness.cli  # registers the commands
from harness.commands._app import app
from harness.core.evaluation import LabelEdit
from harness.core.run_record import BenchmarkResult, Checkpoint, ProtocolRecord, SweepResult
from harness.results.trackers import _facts
from harness.storage.data_folder import DataFolder
from harness.storage.label_revisions import Revision, write
from reports.comparison.details import protocol_fields
from reports.values.comparison import Comparison
from reports.values.table import Column
from tests.answer_files.conftest import ABSENT

DOG = "a.jpg Is there a dog in the image?"
ASKED = ("prompt (first item)", "decoding", "token limit")


def scored(pope: DataFolder, folder: Path, name: str, answer: str, *words: str, run: str = "") -> str:
    """Answers in a file of this name, scored as the run of this name or of `run`."""
    rows = [{"question_id": n, "question": f"Is there a {thing} in the image?", "answer": answer}
            for n, thing in ((1, "dog"), (2, ABSENT["random"]))]  # fmt: skip
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = CliRunner().invoke(app, [
        "score", "pope", "splits=[random]", "--answers", str(file), "--name", run or name, "--data", str(pope.folder),
        "--output", str(folder / "runs"), *words,
    ])  # fmt: skip
    assert said.exit_code == 0, said.output
    return name


def compared(folder: Path, *names: str) -> Comparison:
    return harness.compare(*names, output=folder / "runs").comparison


def test_two_files_scored_alike_are_not_another_protocol_and_what_is_not_known_is_named(
    pope: DataFolder, tmp_path: Path
) -> None:
    made = compared(tmp_path, *(scored(pope, tmp_path, name, answer) for name, answer in (("a", "Yes"), ("b", "No"))))
    assert made.protocol_differences == () and not any(column.differs for column in made.columns)
    assert [(one.column, one.facts) for one in made.protocol_unknown] == [("a", ASKED), ("b", ASKED)]


def test_files_scored_by_other_rules_are_another_protocol(pope: DataFolder, tmp_path: Path) -> None:
    cut = scored(pope, tmp_path, "b", "No", "--cut-reasoning")
    made = compared(tmp_path, scored(pope, tmp_path, "a", "Yes"), cut)
    assert [d.fact for d in made.protocol_differences] == ["answers scored"]


@pytest.mark.parametrize("form", ["markdown", "html", "latex", "json"])
def test_every_form_of_a_report_says_that_the_protocol_is_not_known(pope: DataFolder, tmp_path: Path, form: str) -> None:
    names = [scored(pope, tmp_path, name, answer) for name, answer in (("a", "Yes"), ("b", "No"))]
    text = CliRunner().invoke(app, ["compare", *names, "--as", form, "--output", str(tmp_path / "runs")]).output
    assert "not known" in text if form != "json" else json.loads(text)["protocol_unknown"][0]["facts"] == list(ASKED)
    assert "measured in the same way." not in text
    assert "Protocol not known" in CliRunner().invoke(app, ["compare", *names, "--output", str(tmp_path / "runs")]).output


def test_rescore_says_first_that_the_runs_were_measured_otherwise(pope: DataFolder, tmp_path: Path) -> None:
    names = [scored(pope, tmp_path, v, "No", f"variant={v}", run="m") for v in ("official", "opera")]
    runs = [path.name for path in (tmp_path / "runs").glob("m-*")]
    write(Revision("mine", "", (LabelEdit("pope", DOG, "label", "yes", "right", "Ada", "", ""),)), tmp_path / "runs")
    said = CliRunner().invoke(app, ["rescore", *runs, "--labels", "mine", "--output", str(tmp_path / "runs")]).output
    assert len(names) == len(runs) == 2
    assert said.startswith("Not the same protocol") and said.index("variant") < said.index("Metrics under both labels")


def test_a_file_beside_a_sweep_differs_only_in_what_both_state() -> None:
    sweep = ProtocolRecord(
        {"benchmark": "pope", "items": "2", "prompt (first item)": "Is", "decoding": "greedy", "dtype": "bf16"}
    )
    file = ProtocolRecord(
        {"benchmark": "pope", "items": "3", "answers": "from files: a sha256 1; not known here", "answers scored": "x"}
    )
    assert set(sweep.differs_from(file)) == {"items", "answers scored"} == set(file.differs_from(sweep))
    assert set(sweep.unknown_beside(file)) == {*ASKED, "dtype"} == set(file.unknown_beside(sweep))
    assert sweep.unknown_beside(sweep) == ()


def test_the_judge_of_replies_in_a_file_is_not_known() -> None:
    one, other = (ProtocolRecord({"answers": "from files", "judge": f"answer files {n}"}) for n in (1, 2))
    assert one.differs_from(other) == {} and "judge" in one.unknown_beside(other)


@pytest.mark.parametrize("first", ["file", "sweep"])
def test_the_column_of_the_file_is_the_one_whose_protocol_is_not_known(first: str) -> None:
    facts = {"sweep": {"decoding": "greedy", "dtype": "bf16"}, "file": {"answers": "from files: a sha256 1"}}
    names = [first, *(name for name in facts if name != first)]
    sweeps = [
        SweepResult(name, Checkpoint(name, "", "", name),
                    (BenchmarkResult("pope", ProtocolRecord(facts[name]), (), (), (), ()),))
        for name in names
    ]  # fmt: skip
    columns = tuple(Column(name, name, name, name, name, "", True) for name in names)
    unknown = protocol_fields(columns, sweeps)["protocol_unknown"]
    assert [(one.column, one.facts) for one in unknown] == [("file", (*ASKED, "dtype"))]
    comparison = SimpleNamespace(columns=columns, title="", protocol_unknown=unknown)
    assert [c.label for c in columns if _facts(cast(Any, comparison), c)["protocol_known"] == "False"] == ["file"]
