"""What Python is told of stored runs and of studies that cannot start is what the command line shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import harness
import harness.audit.audited_comparison  # imported while `compare` is replaced, it would keep the replacement
from harness.core.errors import ConfigError, HarnessError
from harness.storage.run_folder import locked
from harness.storage.run_store import Store, StoredRun


def kept(output: Path, config: str = "{}") -> None:
    """A store with one run that was begun and never ended."""
    with Store(output / "store.sqlite") as store:
        store.begin(StoredRun("one-1a2b", "one", "2026-01-01T00:00:00", "running", config, "", {}, ""))


def test_a_run_whose_process_is_gone_is_interrupted_and_never_running(tmp_path: Path) -> None:
    kept(tmp_path)
    stored = harness.open_store(tmp_path)
    assert stored["one"].status == "interrupted" and stored.runs().status.tolist() == ["interrupted"]


def test_a_run_whose_process_holds_its_folder_is_running(tmp_path: Path) -> None:
    kept(tmp_path)
    with locked(tmp_path / "one-1a2b"):
        assert harness.open_store(tmp_path)["one"].status == "running"


def test_a_path_that_leads_nowhere_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no model folder at /nowhere"):
        harness.sweep("/nowhere", ["pope"], output=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_runs_that_are_compared_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("harness.results.run_records.records_of_all", lambda store, ids: seen.append(ids) or [])
    monkeypatch.setattr("harness.results.run_records.baseline_named", lambda store, ids: None)
    monkeypatch.setattr("reports.comparison.compare.compare", lambda records, **options: records)
    kept(tmp_path)
    results = harness.compare("one", output=tmp_path)
    assert results.records == () and results.comparison == [] and results.records == ()
    assert seen == [["one"]]


@pytest.mark.parametrize("given", [{"labels": "ours"}, {"published": True}])
def test_forms_that_would_leave_out_what_stands_beside_the_metrics_are_refused_as_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    kept(tmp_path)
    monkeypatch.setattr("harness.storage.label_revisions.read", lambda name, output: None)
    results, (name,) = harness.compare("one", output=tmp_path, **given), given
    asked = [lambda: results.render("csv"), lambda: results.render("latex"), lambda: results.track("wandb")]
    for ask in [*asked, lambda: results.export("eee", tmp_path)]:
        with pytest.raises(ConfigError, match=f"would leave {name} out. Choose json, markdown or html"):
            ask()
    with pytest.raises(HarnessError, match="The stored configuration of one-1a2b cannot be read"):  # other forms read it
        results.render("markdown")
