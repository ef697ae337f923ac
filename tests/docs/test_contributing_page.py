"""CONTRIBUTING.md: its benchmark, its file and its entry point, copied as they stand, make a benchmark that works."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from harness.cli import app
from harness.core import registry
from tests.docs.pages import ROOT, blocks
from tests.guest import installed

PAGE = ROOT / "CONTRIBUTING.md"
STUDY = """
name: rain
model: {name: scripted, default: No.}
arms: []
data: data
sweep: [{name: weather}]
"""


def the(language: str) -> str:
    (block,) = blocks(PAGE, language)
    return block


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """The page's package, data folder and a study; what comes back writes the package with another source."""
    points = tomllib.loads(the("toml"))["project"]["entry-points"]["harness.benchmark"]
    module = tmp_path / "site/my_package/weather.py"
    in_the_package = registry._modules  # whoever follows the page may have put its file into `benchmarks`
    monkeypatch.setattr(
        registry, "_modules", lambda *words: (name for name in in_the_package(*words) if name != "benchmarks.weather")
    )
    with installed(tmp_path / "site", {"my_package/__init__.py": "", "my_package/weather.py": the("python")}, points):
        (tmp_path / "data/weather").mkdir(parents=True)
        (tmp_path / "data/weather/questions.jsonl").write_text(the("json"))
        for n in (1, 2):
            Image.new("RGB", (8, 8)).save(tmp_path / f"data/weather/{n}.jpg")
        (tmp_path / "study.yaml").write_text(STUDY)
        monkeypatch.chdir(tmp_path)
        yield module.write_text
    for name in [name for name in sys.modules if name.split(".")[0] == "my_package"]:
        del sys.modules[name]


def invoke(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return f"{result.output}{result.exception or ''}"


def test_the_benchmark_is_listed_checked_counted_and_run(made: object) -> None:
    assert "Questions about rain." in invoke("list", "weather")
    assert "1 example as expected" in invoke("check", "weather")
    assert "2 questions" in invoke("run", "--dry-run", "study.yaml")
    invoke("run", "study.yaml")
    (report,) = Path("runs").glob("*/report.json")
    (row,) = json.loads(report.read_text())["rows"]
    assert (row["metric"], row["cells"][0]["value"]) == ("accuracy", 0.5)


def test_a_truth_that_is_no_mapping_is_refused_by_the_dry_run(made: Callable[[str], None]) -> None:
    made(the("python").replace('{"label": row["label"]}', 'row["label"]'))
    assert "weather: the truth of item '1' is 'no', not a mapping" in invoke("run", "--dry-run", "study.yaml", code=1)


def test_an_example_whose_truth_is_no_mapping_fails_the_check(made: Callable[[str], None]) -> None:
    made(the("python").replace('{"label": "no"}', '"no"'))
    assert "the truth of item '1' is 'no', not a mapping" in invoke("check", "weather", code=1)


def test_a_score_that_fails_for_its_example_is_named_by_the_check(made: Callable[[str], None]) -> None:
    made(the("python").replace('item.truth["label"]', 'item.truth["rain"]'))
    assert "weather: score() fails for its example 'No.': 'rain' is missing." in invoke("check", "weather", code=1)
