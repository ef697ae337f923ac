"""What the configurations of the named runs decide of a report, and which name stands over which run's columns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.config.gate_policy import parse_policy
from harness.config.schema import GateConfig
from harness.core.errors import ConfigError
from harness.results import run_records
from harness.results.run_records import baseline_named, gate_named, run_ids, shown_labels, tables_named

RULE = {"metric": "pope.f1", "role": "guard", "margin": "2 points"}


def record(run: str, name: str) -> Any:
    return SimpleNamespace(run_id=run, name=name)


def test_a_name_stands_over_the_columns_of_its_run_in_the_order_in_which_runs_are_named() -> None:
    records = [record("z", "dpo"), record("z", "kto"), record("a", "base")]
    assert shown_labels(records, ["Ours", "Theirs"]) == ["Ours: dpo", "Ours: kto", "Theirs"]
    assert shown_labels(records, None) is None
    for names in (["Ours"], ["Ours", "Theirs", "More"]):
        with pytest.raises(ConfigError, match=f"`--name` for {len(names)} of 2 runs"):
            shown_labels(records, names)


class Runs:
    """A store of runs by name, whose configurations are these."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **configs: Any) -> None:
        self._configs = configs
        monkeypatch.setattr(run_records, "config_of", lambda run: configs[run.id])

    def run(self, name: str) -> Any:
        return SimpleNamespace(id=name, status=self._configs[name].status)


def config(status: str = "complete", baseline: str | None = None, gates: Any = None, tables: tuple[str, ...] = ()) -> Any:
    return SimpleNamespace(status=status, baseline=baseline, gates=gates, published=tables)


def test_a_run_that_is_named_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    store: Any = Runs(monkeypatch, a=config(), b=config())
    assert run_ids(store, ["b", "a"]) == ["b", "a"]
    with pytest.raises(ConfigError, match="a is named twice"):
        run_ids(store, ["a", "b", "a"])


def test_a_baseline_is_the_one_that_all_runs_name(monkeypatch: pytest.MonkeyPatch) -> None:
    store: Any = Runs(monkeypatch, a=config(baseline="dpo"), b=config(baseline="dpo"), c=config())
    assert baseline_named(store, ["a", "b"]) == "dpo" and baseline_named(store, ["a", "c"]) is None


def test_published_tables_are_those_of_all_runs_else_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    store: Any = Runs(monkeypatch, a=config(tables=("Table 6", "Table 7")), b=config(tables=("Table 5", "Table 6")), c=config())
    assert tables_named(store, ["a", "b"]) == ["Table 6", "Table 7", "Table 5"] and tables_named(store, ["c"]) == ["Table 2"]


def test_a_gate_is_that_of_a_single_run_that_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    gates = GateConfig.model_validate({"rules": [RULE]})
    made = {"a": config(gates=gates), "b": config(gates=gates), "open": config("running", gates=gates), "none": config()}
    store: Any = Runs(monkeypatch, **made)
    assert gate_named(store, ["a"]) == parse_policy({"rules": [RULE]})
    assert [gate_named(store, names) for names in (["open"], ["none"], ["a", "b"], ["a", "open"])] == [None] * 4
