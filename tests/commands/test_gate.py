"""The exit code of `gate` is its verdict, and the JUnit file is written whatever it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.api import gates
from harness.api.actions import compared
from harness.cli import app
from harness.commands import _terminal
from harness.core.errors import ConfigError
from harness.core.gating import GatePolicy
from harness.storage.run_store import Store, StoredRun
from reports.values.gate import CheckpointGate, Gate


@pytest.mark.parametrize(("verdict", "code"), [("pass", 0), ("fail", 1), ("inconclusive", 3)])
def test_the_exit_code_is_the_verdict(verdict: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Gate("release", 0.05, verdict, "words", "family", (CheckpointGate("aligned", verdict, "aligned: words", ()),))
    monkeypatch.setattr(gates, "gate", lambda *_, **__: found)
    result = CliRunner().invoke(app, ["gate", "mini", "--junit", str(tmp_path / "gate.xml")], catch_exceptions=False)
    assert result.exit_code == code and f"Gate release: {verdict}" in result.output
    assert (tmp_path / "gate.xml").read_text().startswith("<?xml")


def test_the_junit_file_is_there_though_the_reader_of_the_table_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(gate: Gate) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(gates, "gate", lambda *_, **__: Gate("release", 0.05, "pass", "words", "family", ()))
    monkeypatch.setattr(_terminal, "show_gate", gone)
    CliRunner().invoke(app, ["gate", "mini", "--junit", str(tmp_path / "gate.xml")])
    assert (tmp_path / "gate.xml").read_text().startswith("<?xml")


def test_a_run_of_which_nothing_is_measured_is_not_gated(tmp_path: Path) -> None:
    study = "model: {name: transformers, path: x}\nsweep: [{name: pope}]\n"
    with Store(tmp_path / "store.sqlite") as store:
        store.begin(StoredRun("one-1a2b", "one", "2026-01-01T00:00:00", "running", study, "", {}, ""))
    with pytest.raises(ConfigError, match="no run has a sweep yet"):
        CliRunner().invoke(app, ["gate", "one", "--output", str(tmp_path)], catch_exceptions=False)


def test_another_gate_of_the_same_run_is_stored(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        for config in ("a: 1", "a: 2"):
            store.begin(StoredRun("one-1a2b", "one", "2026-01-01T00:00:00", "running", config, "", {}, ""))
        assert store.run("one").config == "a: 2"


@pytest.mark.parametrize(("names", "status", "named"), [
    (["one"], "complete", "release"), (["one"], "running", None), (["one", "two"], "complete", None),
    (["two"], "complete", None),
])  # fmt: skip
def test_the_comparison_of_one_complete_run_has_the_gate_of_its_own_report(
    names: list[str], status: str, named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two is of a study without gates; of an unfinished run the gate may name what is not measured yet."""
    study = "model: {name: transformers, path: x}\nsweep: [{name: pope}]\n"
    gates = "gates: {name: release, rules: [{metric: pope.accuracy, role: improve}]}\n"
    with Store(tmp_path / "store.sqlite") as store:
        for name, config in (("one", study + gates), ("two", study)):
            store.begin(StoredRun(f"{name}-1a2b", name, "2026-01-01T00:00:00", status, config, "", {}, ""))
    given: list[GatePolicy | None] = []
    monkeypatch.setattr("reports.comparison.compare.compare", lambda *_, policy, **__: given.append(policy))
    compared(tmp_path, names, None, False, (), read=list)
    assert [policy.name if policy else None for policy in given] == [named]
