"""A finding goes the whole way on the miniature world. All of them: `python -m tests.campaigns.study_tables --size slice`."""

from __future__ import annotations

from pathlib import Path

from harness.run import pipeline
from tests.campaigns.study_tables import SLICE, reduced, told


def test_a_finding_on_the_miniature_world_ends_in_its_table(world: Path, tmp_path: Path) -> None:
    config = reduced("finding-guided", SLICE, tmp_path).model_copy(update={"data": str(world / "miniworld")})
    outcome = pipeline.run(config, "test")
    assert outcome.comparison.incomplete == ()
    text = told("finding-guided", outcome.comparison, 0)
    assert "Partial sweep: POPE over its first 2 images" in text
    assert outcome.comparison.short.columns[0].label == "mask-only" and "| mask-only (2 seeds) |" in text
    assert "Differences are to mask-only." in text and "guidance is needed" in text
