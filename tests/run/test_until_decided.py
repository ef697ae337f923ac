"""A sweep stops when its gate is decided, asks no image after that, and says how it was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import harness
from harness.config.gate_policy import parse_policy
from harness.config.schema import RunConfig, parse
from harness.core.errors import ConfigError
from harness.run import pipeline
from harness.run.until_decided import until_decided


def study(world: Path, output: Path, name: str, says: str) -> RunConfig:
    model = {"name": "scripted", "default": says}
    return parse({"name": name, "model": model, "data": str(world), "output": str(output), "sweep": [{"name": "pope"}]})


def policy(metric: str, margin: str) -> Any:
    return parse_policy({"rules": [{"metric": metric, "role": "guard", "margin": margin}]})


@pytest.fixture(scope="module")
def base(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with the sweep of a base that always says yes, over 120 images."""
    output = tmp_path_factory.mktemp("until")
    pipeline.run(study(world, output, "base", "Yes."), "test")
    return output


def test_a_checkpoint_that_sees_nothing_any_more_fails_at_the_first_look(world: Path, base: Path) -> None:
    done = until_decided(study(world, base, "blind", "No."), policy("pope.recall[random]", "5 points"), "base", "test")
    assert (done.gate.verdict, done.asked) == ("fail", 50) and done.planned > 2 * 50
    items = harness.open_store(base).run(done.run_id).items()
    assert items["group"].nunique() == 50 and items.missing.isna().all()
    assert "Stopped when the gate was decided, after 50 of" in done.gate.stopped


def test_the_report_and_every_later_comparison_say_how_it_was_stopped(world: Path, base: Path) -> None:
    done = until_decided(study(world, base, "blind", "No."), policy("pope.recall[random]", "5 points"), "base", "test")
    assert "Stopped early" in (done.folder / "report.html").read_text() and (done.folder / "gate.xml").is_file()
    compared = harness.compare("base", done.run_id, output=base).comparison
    assert "stopped" in {difference.fact for difference in compared.protocol_differences}
    later = harness.gate("base", done.run_id, output=base, policy={"rules": [
        {"metric": "pope.recall[random]", "role": "guard", "margin": "5 points"}]})  # fmt: skip
    assert later.verdict == "inconclusive"  # tests for a whole sweep do not hold for a stopped one


def test_what_cannot_be_decided_asks_every_image_and_says_so(world: Path, base: Path) -> None:
    done = until_decided(study(world, base, "same", "Yes!"), policy("pope.accuracy", "0.1 points"), "base", "test")
    assert done.gate.verdict == "inconclusive" and done.asked == done.planned
    assert done.gate.stopped.startswith(f"Not decided with all {done.planned} images")


def test_a_base_without_the_benchmark_is_refused(world: Path, base: Path) -> None:
    other = parse({**study(world, base, "x", "Yes.").model_dump(exclude_none=True), "sweep": [{"name": "chair"}]})
    with pytest.raises(ConfigError, match="has no result of chair"):
        until_decided(other, policy("chair.recall", "5 points"), "base", "test")
