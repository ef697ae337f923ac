"""What lies in a run's folder is used only while it is what the store says it is."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config import schema
from harness.config.schema import RunConfig
from harness.core.errors import DataError, HarnessError
from harness.run import pipeline
from harness.run.on_fleet.arm_training import ArmTraining
from harness.storage.artifacts import Pairs
from harness.storage.run_store import Store

JOBS = pytest.mark.parametrize("jobs", [1, 2])


class Stopped(HarnessError):
    """In the place of a kill."""


@pytest.fixture
def study(whole_world: Path, tmp_path: Path) -> RunConfig:
    """One arm on four pairs of a file, two benchmarks."""
    data = tmp_path / "data"
    data.mkdir()
    for entry in (whole_world / "miniworld").iterdir():
        (data / entry.name).symlink_to(entry)
    images = sorted(path.name for path in (data / "coco/val2014").iterdir())[:4]
    pairs = {"prompt": "What is this?", "rejected": "Nothing."}
    rows = [pairs | {"id": f"{n}", "image": f"coco/val2014/{i}", "chosen": f"A dog, {n}."} for n, i in enumerate(images)]
    (data / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    align = {"name": "dpo", "training": {"batch_size": 4, "max_steps": 1, "learning_rate": 1.0e-3, "trackers": []}}
    return schema.parse(
        {
            "model": {"name": "transformers", "path": "miniworld", "dtype": "float32", "device": "cpu", "threads": 1},
            "arms": [{"name": "a", "pairs": {"name": "jsonl", "file": "pairs.jsonl"}, "align": align}],
            "sweep": [{"name": "pope", "splits": ["random"], "limit_images": 2}, {"name": "chair", "limit": 2}],
            "data": str(data),
            "output": str(tmp_path / "out"),
            "jobs": 1,
        }
    )


def with_jobs(study: RunConfig, jobs: int) -> RunConfig:
    return study.model_copy(update={"jobs": jobs})


def arm_of(study: RunConfig) -> Path:
    return next(Path(study.output).glob("*/arms/a"))


@pytest.fixture
def untrained(study: RunConfig, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """A run that was killed when its pairs were made."""
    with monkeypatch.context() as patch:
        patch.setattr(ArmTraining, "train", stopped)
        with pytest.raises(Stopped):
            pipeline.run(study, "test")
    return study


def stopped(*given: Any) -> Any:
    raise Stopped("killed")


def exchanged(text: str) -> str:
    """As many pairs, chosen and rejected exchanged."""
    rows = [json.loads(line) for line in text.splitlines()]
    other = [row | {"chosen": row["rejected"][0], "rejected": [row["chosen"]]} for row in rows]
    return "".join(json.dumps(row) + "\n" for row in other)


def forget_digest(study: RunConfig) -> None:
    """The record of an older version."""
    with Store(Path(study.output) / "store.sqlite") as store:
        run = store.runs()[0].id
        record = store.get(Pairs, run, "a")
        assert record is not None and len(record.file) == 64
        store.put(run, replace(record, file=""), "a")


@JOBS
def test_pairs_that_changed_before_their_training_are_refused_by_name(untrained: RunConfig, jobs: int) -> None:
    file, study = arm_of(untrained) / "pairs.jsonl", with_jobs(untrained, jobs)
    text = file.read_text()
    file.write_text(exchanged(text))
    with pytest.raises(DataError, match=r"arm a: .*/arms/a/pairs.jsonl was changed after it was made, .* or remove .*/arms/a "):
        pipeline.run(study, "test")
    file.write_text(text)
    assert pipeline.run(study, "test") is not None
    file.write_text(exchanged(text))  # what was trained is trained
    assert pipeline.run(study, "test") is not None


def test_pairs_that_change_while_others_are_at_work_are_refused_too(study: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    align = pipeline._Stages._align

    def later(self: Any, base: Any, arm: Any) -> None:
        file = arm_of(study) / "pairs.jsonl"
        file.write_text(exchanged(file.read_text()))
        align(self, base, arm)

    monkeypatch.setattr(pipeline._Stages, "_align", later)
    with pytest.raises(DataError, match="was changed after it was made"):
        pipeline.run(study, "test")


def test_of_pairs_of_an_older_version_the_number_alone_is_compared(untrained: RunConfig) -> None:
    forget_digest(untrained)
    file = arm_of(untrained) / "pairs.jsonl"
    text = file.read_text()
    file.write_text("".join(text.splitlines(keepends=True)[:3]))
    with pytest.raises(DataError, match="has 3 pairs, and 4 were made"):
        pipeline.run(untrained, "test")
    file.write_text(text)
    assert pipeline.run(untrained, "test") is not None


def test_pairs_of_a_folder_whose_store_was_lost_are_those_that_are_there(untrained: RunConfig) -> None:
    (Path(untrained.output) / "store.sqlite").unlink()
    assert pipeline.run(untrained, "test") is not None


def test_pairs_that_are_made_again_are_trained_on(untrained: RunConfig) -> None:
    shutil.rmtree(arm_of(untrained))
    assert pipeline.run(untrained, "test") is not None
