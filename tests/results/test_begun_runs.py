"""Every way to make a run stores it alike: begun by this code on that data folder, ended with what it lacks."""

from __future__ import annotations

import ast
from pathlib import Path

from harness.config.schema import parse
from harness.core.edge.versions import versions
from harness.results.run_state import begin, finish
from harness.storage.run_store import Store

ROOT = Path(__file__).resolve().parents[2]


def test_a_run_is_running_from_its_beginning_until_it_is_finished(tmp_path: Path) -> None:
    config = parse({"name": "one", "model": {"name": "scripted"}, "sweep": [{"name": "pope"}]})
    with Store(tmp_path / "store.sqlite") as store:
        begin(store, "one-1a2b", config, "the command", tmp_path / "x" / ".." / "data")
        (run,) = store.runs()
        assert (run.id, run.name, run.status, run.command) == ("one-1a2b", "one", "running", "the command")
        assert (run.config, run.data_folder) == (config.as_yaml(), str(tmp_path / "data")) and run.versions == versions()
        assert run.created_at.endswith("+00:00")
        finish(store, "one-1a2b")
        assert store.run("one").status == "complete"


def test_runs_begin_in_one_place() -> None:
    made = []
    for path in sorted((ROOT / "harness").rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        made += [path.stem for call in calls if isinstance(call.func, ast.Name) and call.func.id == "StoredRun"]
    assert made == ["run_state", "run_store"]
