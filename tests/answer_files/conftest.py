"""The golden question files as a data folder, and the command `score` as a function."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import harness.cli  # noqa: F401  # registers the commands
from harness.commands._app import app
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import put
from tests.benchmarks.second_set.golden_cases import golden_folder

Run = Callable[..., dict[str, float | None]]
ABSENT = {"random": "cat", "popular": "car", "adversarial": "bus"}  # question 2 of each split; question 1 is the same in all


@pytest.fixture(scope="session")
def golden_data(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    return golden_folder(tmp_path_factory.mktemp("golden"))


@pytest.fixture
def score(tmp_path: Path) -> Run:
    """Runs `score` with these words -> "metric[slice]" -> value, from the run's report.json; `said` is the
    terminal's text, `code` the exit code."""

    def run(*words: object, data: DataFolder) -> dict[str, float | None]:
        arguments = ["score", *map(str, words), "--data", str(data.folder), "--output", str(tmp_path / "runs")]
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        run.said, run.code = result.output, result.exit_code  # type: ignore[attr-defined]
        (report,) = (tmp_path / "runs").glob("*/report.json")
        rows = json.loads(report.read_text())["rows"]
        return {f"{r['metric']}[{r['group']}]" if r["group"] else r["metric"]: r["cells"][0]["value"] for r in rows}

    return run


@pytest.fixture
def pope(tmp_path: Path) -> DataFolder:
    """Three splits of two questions about one image."""
    (tmp_path / "data").mkdir()
    folder = DataFolder(tmp_path / "data", tmp_path / "cache")
    for split, absent in ABSENT.items():
        rows = [("dog", "yes"), (absent, "no")]
        asked = [{"question_id": n, "image": "a.jpg", "text": f"Is there a {o} in the image?", "label": label}
                 for n, (o, label) in enumerate(rows, 1)]  # fmt: skip
        put(folder, f"pope/coco_pope_{split}.json", asked)
    return folder
