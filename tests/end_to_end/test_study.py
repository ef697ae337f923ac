"""A finding goes the whole way on the miniature world. All of them: `python -m tests.campaigns.study_tables --size slice`."""

from __future__ import annotations

import json
from pathlib import Path

from harness.run import pipeline
from tests.campaigns.full_tables import section
from tests.campaigns.study_tables import SLICE, reduced, told


def test_a_finding_on_the_miniature_world_ends_in_its_table(world: Path, tmp_path: Path) -> None:
    config = reduced("finding-guided", SLICE, tmp_path).model_copy(update={"data": str(world / "miniworld")})
    outcome = pipeline.run(config, "test")
    assert outcome.comparison.incomplete == ()
    text = told("finding-guided", outcome.comparison, 0)
    assert "Partial sweep: POPE over its first 2 images" in text
    assert outcome.comparison.short.columns[0].label == "mask-only" and "| mask-only (2 seeds) |" in text
    assert "Differences are to mask-only." in text and "guidance is needed" in text
    page = section("Guided", json.loads((outcome.folder / "report.json").read_text(encoding="utf-8")))
    columns = {row.published_as: row for row in outcome.comparison.rows if row.published_as}
    first = columns["POPE"].cells[0]
    assert first is not None and first.value is not None
    header, _, *rows = [line for line in page.splitlines() if line.startswith("|")]
    assert header == "|  | POPE (n = {first.n}) | COCO recall (n = {n}) |".format(
        first=first, n=columns["COCO recall"].cells[0].n
    )
    assert rows[0].startswith(f"| {outcome.comparison.columns[0].label} | {100 * first.value:.1f} ")
    assert len(rows) == len(outcome.comparison.columns) + 1 and rows[-1].startswith("| detectable with 80 % |")
