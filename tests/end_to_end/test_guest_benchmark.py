"""A judged benchmark of another distribution is one file: all find it by its entry point and by what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.audit.queue import queue
from harness.audit.rescore_runs import rescore
from harness.cli import app
from harness.config import schema as config
from harness.core.evaluation import LabelEdit
from harness.run import pipeline
from harness.storage.label_revisions import Revision
from harness.storage.run_store import Store
from tests import guest

SOURCE = Path(__file__).with_name("zoo_bench.txt")
CHAT = {"name": "chat", "model": {"name": "scripted", "default": "Grade: right"}}


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[None]:
    with guest.installed(tmp_path / "site", {"zoo_bench.py": SOURCE.read_text()}, {"zoo_bench": "zoo_bench:ZooBench"}):
        yield


def run(tmp_path: Path, judge: dict[str, Any]) -> pipeline.Outcome:
    (tmp_path / "data/zoo").mkdir(parents=True, exist_ok=True)
    (tmp_path / "data/zoo/animals.txt").write_text("dog\ncat\ndog\nhorse\n")
    outcome = pipeline.run(
        config.parse(
            {
                "name": "zoo", "model": {"name": "scripted", "default": "A dog."}, "arms": [], "data": str(tmp_path / "data"),
                "output": str(tmp_path / "runs"), "sweep": [{"name": "zoo_bench", "judge": judge}],
            }
        ),
        "test",
    )  # fmt: skip
    assert outcome is not None
    return outcome


def invoke(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def test_it_is_listed_checked_and_fetched(installed: None, tmp_path: Path) -> None:
    assert "zoo_bench" in invoke("list") and "Names of animals, judged." in invoke("list")
    assert "zoo_bench" in invoke("check", "zoo_bench")
    assert "zoo/animals.txt" in CliRunner().invoke(app, ["fetch", "zoo_bench", "--data", str(tmp_path)]).output


@pytest.mark.parametrize(("judge", "share"), [({"name": "keywords"}, 0.5), (CHAT, 1.0)], ids=["rules", "model"])
def test_it_is_swept_judged_and_reported_under_its_titles(
    installed: None, tmp_path: Path, judge: dict[str, Any], share: float
) -> None:
    folder = run(tmp_path, judge).folder
    report = json.loads((folder / "report.json").read_text())
    (row,) = report["rows"]
    assert (row["benchmark"], row["metric"], row["title"]) == ("zoo_bench", "named", "Animals named")
    assert row["cells"][0]["value"] == share
    for name in ("report.md", "report.html"):
        assert "Zoo Bench Animals named" in (folder / name).read_text()


def test_its_labels_can_be_audited_and_its_runs_rescored_without_asking_the_judge(installed: None, tmp_path: Path) -> None:
    run(tmp_path, {"name": "keywords"})
    edit = LabelEdit("zoo_bench", "1", "animal", "yes", "removed", "ada", "", "")
    with Store(tmp_path / "runs/store.sqlite") as store:
        cases = queue(store, "zoo_bench")
        found = rescore(store, ["zoo"], [Revision("mine", "", (edit,))])
    assert {case.item_id for case in cases} == {"0", "1", "2", "3"}
    audited = found.audited[0].sweeps[0].results[0]
    assert [score.item_id for score in audited.scores] == ["0", "2", "3"]
    assert audited.reference(audited.items[0]) == "it is a dog"


def test_a_user_may_give_a_text_of_their_own_for_its_task(installed: None, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("Does {answer} name {animal}?")
    given = {**CHAT, "templates": {"zoo_bench": str(tmp_path / "mine.txt")}}
    facts = json.loads((run(tmp_path, given).folder / "report.json").read_text())["protocols"]["zoo_bench"]
    assert "given texts for zoo_bench" in facts["judge"]
