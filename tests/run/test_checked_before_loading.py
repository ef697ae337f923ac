"""What is wrong with the benchmarks of a study is known before a model is loaded or a run begun, and all of it at once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.config import schema as config
from harness.config.check_plugins import check_plugins
from harness.config.schema import RunConfig
from harness.core.errors import ConfigError, DataError, HarnessError
from harness.run import pipeline
from harness.run.estimate import estimate
from harness.run.on_fleet.sweeps import sweep_all

POPE, CHAIR = {"name": "pope", "splits": ["random"], "limit": 4}, {"name": "chair", "limit": 2}


@pytest.fixture
def without_images(world: Path, tmp_path: Path) -> Path:
    """The small world's files of POPE and CHAIR, and no image."""
    return Path(shutil.copytree(world, tmp_path / "data", ignore=shutil.ignore_patterns("*.jpg", "*.png")))


def study(data: Path, tmp_path: Path, *sweep: dict[str, Any], **more: Any) -> RunConfig:
    tree = {"name": "only", "model": {"name": "scripted"}, "sweep": list(sweep), "data": str(data)}
    return config.parse(tree | {"output": str(tmp_path / "runs")} | more)


def refused(kind: type[HarnessError], study: RunConfig, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a run says; no model may be loaded and no run begun."""
    monkeypatch.setattr(pipeline, "load_model", lambda *_: pytest.fail("a model was loaded"))
    with pytest.raises(kind) as caught:
        pipeline.run(study, "test")
    assert not (Path(study.output) / "store.sqlite").exists()
    return str(caught.value)


def test_wrong_values_of_benchmarks_are_listed_together(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = study(world, tmp_path, {"name": "pope", "splits": ["adversarail"]}, CHAIR | {"variant": "mine"})
    said = refused(ConfigError, wrong, monkeypatch)
    assert said.startswith("2 faults in the configuration:\n  - pope: POPE's splits are random, popular, adversarial; got")
    assert "\n  - chair: " in said


@pytest.mark.parametrize("model", [{"despite": [1]}, {"dtype": "float8"}, {"rows": -1}])
def test_a_dry_run_refuses_the_options_of_models_that_a_run_refuses(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: dict[str, Any]
) -> None:
    judge = {"name": "chat", "model": {"path": str(tmp_path), **model}}
    (tmp_path / "config.json").write_text("{}")
    sweep = {"name": "mmhal_bench", "limit": 2, "judge": judge}
    base = {"name": "transformers", "path": str(tmp_path), **model}
    wrong = study(world, tmp_path, sweep, model=base)
    said = refused(ConfigError, wrong, monkeypatch)
    monkeypatch.setattr("harness.run.estimate.load_model", lambda *_: pytest.fail("a model was loaded"))
    with pytest.raises(DataError) as caught:
        list(estimate(wrong))
    for fault in said.splitlines()[1:]:
        assert fault.removeprefix("  - ") in str(caught.value)
    assert "model: " in said and "sweep.0.judge.model: " in said


def test_a_variant_that_asks_a_judge_which_is_not_there_is_one_of_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"1 fault in the configuration:\n  - hallusionbench: "):
        check_plugins(study(tmp_path, tmp_path, {"name": "hallusionbench", "variant": "judge"}))


def test_missing_images_are_named_for_every_benchmark(
    without_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refused(DataError, study(without_images, tmp_path, POPE, CHAIR), monkeypatch)
    assert said.startswith("2 faults in the files of this study:\n  pope: 4 of 4 items ask about an image that is not in the")
    assert "\n  chair: 2 of 2 items ask about an image that is not in" in said and "pope: pope" not in said


def test_an_item_that_is_not_there_is_named_with_its_benchmark_once(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refused(DataError, study(world, tmp_path, POPE | {"items": ["nope"]}), monkeypatch)
    assert said.startswith("pope has no item 'nope'. Its ids look like: ")


def test_several_checkpoints_of_one_sweep_hear_it_once(without_images: Path, tmp_path: Path) -> None:
    two = [
        study(without_images, tmp_path, POPE, name=name, model={"name": "scripted", "default": name}) for name in ("one", "two")
    ]
    with pytest.raises(DataError) as caught:
        sweep_all(two, "test")
    assert str(caught.value).count("4 of 4 items") == 1


def test_a_dry_run_says_the_same_once(without_images: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        list(estimate(study(without_images, tmp_path, POPE, {"name": "chair", "variant": "mine"})))
    said = str(caught.value)
    assert "\n  pope: 4 of 4 items" in said and said.count("chair: ") == 1


def test_files_of_sources_are_missed_with_those_of_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    pairs = {"name": "jsonl", "file": "mine.jsonl"}
    arms = [{"name": name, "pairs": pairs, "align": {"name": "dpo"}} for name in ("one", "two")]
    model = {"name": "transformers", "path": "miniworld"}
    said = refused(DataError, study(tmp_path / "data", tmp_path, POPE, arms=arms, model=model), monkeypatch)
    assert said.startswith("3 faults in the files of this study:\n  pope: pope/coco_pope_random.json is not in the data folder")
    assert "\n  pairs of one: mine.jsonl" in said and "\n  pairs of two: mine.jsonl" in said


def test_a_sweep_has_a_dry_run(world: Path, tmp_path: Path) -> None:
    words = ["sweep", "--benchmarks", "pope", "--data", str(world), "--limit", "3", "--output", str(tmp_path / "runs")]
    done = CliRunner().invoke(app, [*words, "model={name: scripted}", "--dry-run"])
    assert done.exit_code == 0 and "3 questions x 1 checkpoint" in done.output and not (tmp_path / "runs").exists()
    done = CliRunner().invoke(app, [*words, "--dry-run", "--until", "decided", "--against", "base"])
    assert isinstance(done.exception, ConfigError) and "Give `--dry-run` without it." in str(done.exception)


def test_a_run_whose_answers_are_there_needs_no_images_any_more(world: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(world, tmp_path / "data"))
    made = study(data, tmp_path, POPE)
    pipeline.run(made, "test")
    for image in (*data.rglob("*.jpg"), *data.rglob("*.png")):
        image.unlink()
    done = pipeline.run(made, "test")
    assert done is not None and done.comparison.columns
