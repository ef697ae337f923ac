"""The table goes to a tracker as it stands in the report."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from harness.core.errors import ConfigError
from tests.api.test_results import results


def test_mlflow_gets_a_run_for_each_checkpoint_with_its_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[tuple[str, Any]] = []

    @contextmanager
    def start_run(run_name: str) -> Any:
        logged.append(("run", run_name))
        yield

    names = ("set_experiment", "log_params", "log_metrics", "log_text")
    fake: dict[str, Any] = {name: (lambda *a, name=name: logged.append((name, a[0]))) for name in names}
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(start_run=start_run, **fake))
    assert results().track("mlflow") == "3 runs in the MLflow experiment mm-align-harness"
    assert [what for name, what in logged if name == "run"] == ["base", "one", "two"]
    assert [what for name, what in logged if name == "log_metrics"][1]["weather/accuracy"] == 0.5


def test_wandb_gets_the_whole_table_with_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[dict[str, Any]] = []
    summary: list[dict[str, float]] = []

    def init(**_: Any) -> Any:
        return SimpleNamespace(summary=SimpleNamespace(update=summary.append), log=logged.append, finish=lambda: None)

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init, Table=lambda columns, data: (columns, data)))
    results().track("wandb")
    (table,) = logged
    assert len(table["metrics"][1]) == 3 and summary[0] == {"weather/accuracy": 0.5}


def test_a_tracker_that_is_not_there_is_one_message() -> None:
    with pytest.raises(ConfigError, match="choose wandb or mlflow"):
        results().track("neptune")


@pytest.mark.parametrize("tracker", ["mlflow", "wandb"])
def test_a_tracker_that_refuses_is_one_message_with_its_words(monkeypatch: pytest.MonkeyPatch, tracker: str) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("the server is away")

    monkeypatch.setitem(sys.modules, tracker, SimpleNamespace(init=refuse, set_experiment=refuse))
    with pytest.raises(ConfigError, match=f"{tracker} did not take the table: ConnectionError: the server is away"):
        results().track(tracker)
