"""What a run could not train on is said in the terminal and in the reports, and a file names it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.config import schema as config
from harness.run import pipeline
from tests.end_to_end.conftest import SMALL


def row(n: int, image: str) -> dict[str, Any]:
    return {"id": f"p{n}", "image": image, "prompt": f"What is at {n}?", "chosen": "A cat.", "rejected": ["A dog."]}


@pytest.fixture
def study(world: Path, tmp_path: Path) -> dict[str, Any]:
    """Four pairs with an image, one whose image is cut off, one whose image is missing."""
    data = tmp_path / "data"
    data.mkdir()
    for entry in (world / "miniworld").iterdir():
        (data / entry.name).symlink_to(entry)
    image = next((world / "miniworld").rglob("*.png"))
    (data / "cut.png").write_bytes(image.read_bytes()[:60])
    name = str(image.relative_to(world / "miniworld"))
    rows = [*(row(n, name) for n in range(4)), row(4, "cut.png"), row(5, "gone.png")]
    (data / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    arm = {"name": "one", "pairs": {"name": "jsonl", "file": "rows.jsonl"}}
    arm |= {"align": {"name": "dpo", "training": {"batch_size": 4, "max_steps": 1}}}
    where = {"data": str(data), "output": str(tmp_path / "runs")}
    return SMALL | where | {"arms": [arm], "sweep": [{"name": "pope", "limit_images": 1}]}


def test_pairs_that_were_not_trained_on_are_told_after_training_with_the_file_that_names_them(study: dict[str, Any]) -> None:
    said: list[str] = []
    outcome = pipeline.run(config.parse(study), "test", say=said.append)
    assert outcome is not None
    listed = outcome.folder / "arms/one/train/dropped.jsonl"
    told = f"one: 1 of 5 pairs were left out of training: unreadable image 1 (ids in {listed})."
    assert said.index("alignment of one (dpo) on 5 pairs") < said.index(told) < said.index("sweep of one")
    assert [json.loads(line)["id"] for line in listed.read_text().splitlines()] == ["p4"]
    report = (outcome.folder / "report.md").read_text()
    assert "## Pairs" in report and "- one: 5 of 6 accepted; left out: missing image 1\n" in report
    assert "1 of 5 pairs were left out of training: unreadable image 1 (ids in dropped.jsonl)." in report
