"""Real tables run on small files in the published formats. All of them: `python -m tests.campaigns.study_tables --real`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.run import pipeline
from harness.run.estimate import estimate
from tests.run.real_layout import ANNOTATOR, on_tiny_models, write_real_layout


@pytest.fixture(scope="module")
def real(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real") / "data"
    write_real_layout(folder, world)
    return folder


def test_a_real_table_ends_in_its_report_with_the_paper_s_eight_columns(real, llava_next_folder, tmp_path: Path) -> None:
    outcome = pipeline.run(on_tiny_models("table11", real, llava_next_folder, tmp_path, ANNOTATOR), "test")
    assert [c.label for c in outcome.comparison.columns] == ["base", "annotator-7b", "annotator-34b"]
    assert outcome.comparison.incomplete == () and len(outcome.comparison.benchmarks) == 8
    assert outcome.comparison.study.shared == ("Arms share 3 of 3 prompts: annotator-7b, annotator-34b.",)


def test_its_dry_run_measures_every_stage(real, llava_next_folder, tmp_path: Path) -> None:
    costs = {cost.stage: cost for cost in estimate(on_tiny_models("table11", real, llava_next_folder, tmp_path, ANNOTATOR))}
    assert [stage for stage in costs if stage.startswith("align")] == ["align: annotator-7b", "align: annotator-34b"]
    assert all(cost.seconds is not None for cost in costs.values())
