"""The study's tables go the whole way: on the miniature world, and the real ones on small files in the published formats.

One of each here; all of them: `python -m tests.campaigns.study_tables --slice`, and `--real`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.run import pipeline
from harness.run.estimate import estimate
from tests.campaigns.study_tables import SLICE, reduced, told
from tests.end_to_end.real_layout import on_tiny_models, write_real_layout


@pytest.fixture(scope="module")
def real(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real") / "data"
    write_real_layout(folder, world / "miniworld")
    return folder


@pytest.mark.parametrize("name", ["finding-guided"])  # the others: tests/campaigns/study_tables.py --slice
def test_a_study_on_the_miniature_world_ends_in_its_table(name: str, world: Path, tmp_path: Path) -> None:
    config = reduced(name, SLICE, tmp_path).model_copy(update={"data": str(world / "miniworld")})
    outcome = pipeline.run(config, "test")
    assert outcome.comparison.incomplete == () and outcome.comparison.study.unlike == ()
    text = told(name, outcome.comparison, 0)
    assert "Partial sweep: POPE over its first 2 images" in text or not config.arms
    if config.baseline is not None:
        assert outcome.comparison.short.columns[0].label == config.baseline and f"| {config.baseline} (2 seeds) |" in text
        assert f"Differences are to {config.baseline}." in text


@pytest.mark.parametrize("name", ["table3"])  # the others: tests/campaigns/study_tables.py --real
def test_a_real_study_runs_on_files_in_the_published_formats(
    name: str, real: Path, llava_next_folder: Path, tmp_path: Path
) -> None:
    outcome = pipeline.run(on_tiny_models(name, real, llava_next_folder, tmp_path), "test")
    assert outcome.comparison.incomplete == ()
    assert len(outcome.comparison.benchmarks) == 8


def test_the_dry_run_of_a_real_table_finds_its_files_and_measures_every_stage(
    real: Path, llava_next_folder: Path, tmp_path: Path
) -> None:
    costs = {cost.stage: cost for cost in estimate(on_tiny_models("table11", real, llava_next_folder, tmp_path))}
    assert [stage for stage in costs if stage.startswith("align")] == ["align: annotator-7b", "align: annotator-34b"]
    assert all(cost.seconds is not None for cost in costs.values())
