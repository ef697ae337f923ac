"""docs/python.md works from top to bottom."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import harness
from tests.docs.pages import ROOT, blocks
from tests.guest import installed


@pytest.fixture(scope="module")
def names(whole_world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Everything that the page's code leaves behind."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "runs").mkdir()
    (folder / "runs" / "miniworld").symlink_to(whole_world / "miniworld")
    found: dict[str, Any] = {}
    page = ROOT / "docs" / "python.md"
    codes, (toml,) = blocks(page, "python"), blocks(page, "toml")
    (own,) = [code for code in codes if "@registry.benchmark" in code]
    points = tomllib.loads(toml)["project"]["entry-points"]["harness.benchmark"]
    with pytest.MonkeyPatch.context() as patch, installed(folder / "site", {"rain.py": own}, points):
        patch.chdir(folder)
        for code in codes:
            exec(code, found)
        found["store"] = harness.open_store(folder / "runs")
    return found


def test_the_page_runs_to_its_end(names: dict[str, Any]) -> None:
    assert names["scored"].metrics().value.notna().any() and names["seen"]


def test_items_hold_every_checkpoint_once(names: dict[str, Any]) -> None:
    items: pd.DataFrame = names["store"]["first"].items()
    assert set(items.checkpoint) == {"base", "bdhs"}
    assert not items.duplicated(["checkpoint", "benchmark", "item"]).any()


def test_metrics_are_those_of_the_file(names: dict[str, Any]) -> None:
    run = names["store"]["first"]
    file = pd.read_csv(run.folder / "metrics.csv")
    metrics = run.metrics()
    assert list(file.columns) == list(metrics.columns)
    assert file.value.tolist() == pytest.approx(metrics.value.astype(float).tolist(), abs=1e-9, nan_ok=True)


def test_metrics_join_items_by_the_id_of_the_run(names: dict[str, Any]) -> None:
    run = names["store"]["first"]
    assert set(run.metrics().run_id) == set(run.items().run) == {run.id}


def test_summed_addends_are_the_counts_behind_a_metric(names: dict[str, Any]) -> None:
    scored = names["scored"]
    counts = scored.scores().groupby("addend").value.sum()
    yes_rate = scored.metrics().query("metric == 'yes_rate' and group == ''").value.item()
    assert yes_rate == 1.0 and counts["asked"] == len(scored.items())


def test_pairs_and_training_are_those_of_the_run(names: dict[str, Any]) -> None:
    run = names["store"]["first"]
    lines = (run.folder / "arms" / "bdhs" / "pairs.jsonl").read_text(encoding="utf-8").strip().split("\n")
    assert len(run.pairs()) == len(run.pairs("bdhs")) == len(lines)
    assert run.training().step.max() >= 1 and {"loss", "rewards/margins"} <= set(run.training().columns)


def test_a_comparison_names_the_runs_as_asked(names: dict[str, Any]) -> None:
    assert "evaluated" in names["page"]
    assert set(names["both"].metrics().column) >= {"evaluated"}


def test_the_benchmark_of_the_page_is_found_and_measured(names: dict[str, Any]) -> None:
    assert names["rained"].status == "complete" and names["rained"].metrics().value.tolist() == [1.0]
