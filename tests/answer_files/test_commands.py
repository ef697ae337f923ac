"""What `import-run` and `score` print and how they end: metrics, what is missing, the report, the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

import harness.cli  # noqa: F401  # registers the commands
from harness.commands._app import app
from harness.core.errors import ConfigError
from harness.storage.data_folder import DataFolder
from tests.answer_files.conftest import ABSENT

ASKED = [(split, n, o) for split, absent in ABSENT.items() for n, o in enumerate(("dog", absent), 1)]


def done(*words: str, output: Path) -> Result:
    result = CliRunner().invoke(app, [*words, "--output", str(output)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def log(folder: Path, number: int = len(ASKED)) -> str:
    """A log of lmms-eval that says No to the first questions."""
    docs = [{"question_id": n, "question": f"Is there a {o} in the image?", "image_source": "a"} for _, n, o in ASKED]
    rows = [{"doc_id": n, "doc": doc, "resps": [["No"]], "filtered_resps": ["No"]} for n, doc in enumerate(docs[:number])]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / "log.jsonl")


def test_import_run_shows_the_metrics_and_writes_the_report_that_show_names(pope: DataFolder, tmp_path: Path) -> None:
    result = done("import-run", log(tmp_path), "--data", str(pope.folder), output=tmp_path)
    (report,) = tmp_path.glob("log-*/report.html")
    assert result.exit_code == 0 and "POPE accuracy  50.0" in result.output and str(report) in result.output
    assert str(report) in done("show", "log", output=tmp_path).output


def test_show_names_no_report_that_is_not_there(pope: DataFolder, tmp_path: Path) -> None:
    done("import-run", log(tmp_path), "--data", str(pope.folder), output=tmp_path)
    (report,) = tmp_path.glob("log-*/report.html")
    report.unlink()
    shown = done("show", "log", output=tmp_path).output
    assert str(report) not in shown and f"To write one: python -m harness compare {report.parent.name}" in shown


def test_items_that_the_files_lack_end_both_commands_with_one_and_nothing_is_said_to_be_asked(
    pope: DataFolder, tmp_path: Path
) -> None:
    (tmp_path / "random.jsonl").write_text('{"question_id": 1, "text": "No"}\n')
    scored = ("score", "pope", "splits=[random]", "--answers", str(tmp_path / "random.jsonl"))
    for words in (scored, ("import-run", log(tmp_path, 1))):
        result = done(*words, "--data", str(pope.folder), output=tmp_path / words[0])
        assert result.exit_code == 1 and "add what the files lack" in result.output and "asked again" not in result.output


def test_score_of_all_items_ends_with_zero_and_lists_nothing(pope: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "random.jsonl").write_text('{"question_id": 1, "text": "No"}\n{"question_id": 2, "text": "No"}\n')
    words = ("score", "pope", "splits=[random]", "--answers", str(tmp_path / "random.jsonl"), "--data", str(pope.folder))
    result = done(*words, output=tmp_path)
    assert result.exit_code == 0 and "2 of 2 items" in result.output and "without an answer" not in result.output


def test_a_benchmarks_option_without_its_place_is_told_its_place(pope: DataFolder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"splits: unknown key. It is an option of pope: write sweep.pope.splits"):
        done("import-run", log(tmp_path), "splits=[random]", "--data", str(pope.folder), output=tmp_path)
