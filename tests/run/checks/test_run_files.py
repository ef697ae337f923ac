"""What lies in a run's folder is used only while it is what the store says it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from harness.config import schema
from harness.config.schema import RunConfig
from harness.core.digests import model_digest
from harness.core.errors import DataError, HarnessError
from harness.evaluation.sweep import sweep
from harness.miniworld.model.paths import checkpoint_folder
from harness.results.run_records import records_of
from harness.run import models, pipeline
from harness.run.on_fleet.arm_training import ArmTraining
from harness.storage.artifacts import Pairs
from harness.storage.run_store import Store

JOBS = pytest.mark.parametrize("jobs", [1, 2])


class Stopped(HarnessError):
    """In the place of a kill."""


@pytest.fixture(scope="module")
def written(world: Path, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """One arm on four pairs of a file, two benchmarks."""
    folder = tmp_path_factory.mktemp("run_files")
    data = folder / "data"
    data.mkdir()
    for entry in world.iterdir():
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
            "sweep": [
                {"name": "pope", "splits": ["random"], "limit_images": 2},
                {"name": "chair", "limit": 2, "max_new_tokens": 8},
            ],
            "data": str(data),
            "output": str(folder / "out"),
            "jobs": 1,
        }
    )


@pytest.fixture
def study(written: RunConfig) -> Iterator[RunConfig]:
    """The same for one test, which finds an empty output folder and leaves none."""
    yield written
    shutil.rmtree(written.output, ignore_errors=True)


def killed(study: RunConfig, name: str, place: Any, stage: str, instead: Callable[..., Any]) -> Path:
    """The output folder of a run that `instead` of a stage ended, moved aside. A run knows its own place, so that each test
    finds a copy at the place where it was made."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(place, stage, instead)
        pipeline.run(study, "test")
    return Path(shutil.move(study.output, Path(study.output).with_name(name)))


def with_jobs(study: RunConfig, jobs: int) -> RunConfig:
    return study.model_copy(update={"jobs": jobs})


def arm_of(study: RunConfig) -> Path:
    return next(Path(study.output).glob("*/arms/a"))


@pytest.fixture(scope="module")
def killed_before_training(written: RunConfig) -> Path:
    return killed(written, "untrained", ArmTraining, "train", stopped)


@pytest.fixture
def untrained(killed_before_training: Path, study: RunConfig) -> RunConfig:
    """A run that was killed when its pairs were made."""
    shutil.copytree(killed_before_training, study.output)
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


# ------------------------------------------------------------ checkpoints


@pytest.fixture(scope="module")
def killed_in_a_sweep(written: RunConfig) -> Path:
    def first(label: str, model: Any, left: dict[int, Any], *more: Any) -> None:
        place = min(left)
        sweep(label, model, {place: left[place]} if label == "a" else left, *more)
        if label == "a":
            raise Stopped("killed")

    return killed(written, "half_swept", pipeline, "sweep", first)


@pytest.fixture
def half_swept(killed_in_a_sweep: Path, study: RunConfig) -> RunConfig:
    """A run that was killed when its arm had the result of the first benchmark."""
    shutil.copytree(killed_in_a_sweep, study.output)
    return study


@pytest.fixture(scope="module")
def killed_before_the_sweep_of_the_arm(written: RunConfig) -> Path:
    return killed(written, "unswept", pipeline._Stages, "_sweep_arm", stopped)


@pytest.fixture
def unswept(killed_before_the_sweep_of_the_arm: Path, study: RunConfig) -> RunConfig:
    """A run that was killed when its arm was trained."""
    shutil.copytree(killed_before_the_sweep_of_the_arm, study.output)
    return study


@pytest.fixture(scope="module")
def finish_of(written: RunConfig) -> Path:
    assert pipeline.run(written, "test") is not None
    return Path(shutil.move(written.output, Path(written.output).with_name("finished")))


@pytest.fixture
def finished(finish_of: Path, study: RunConfig) -> RunConfig:
    shutil.copytree(finish_of, study.output)
    return study


def other_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    save_file({name: tensor * 0.5 for name, tensor in load_file(file).items()}, file, metadata={"format": "pt"})


def other_generation_config(folder: Path) -> None:
    (folder / "generation_config.json").write_text('{"repetition_penalty": 1.7}')


def measured(study: RunConfig) -> dict[tuple[str, str], str]:
    with Store(Path(study.output) / "store.sqlite") as store:
        return {(r.label, r.benchmark): r.checkpoint.digest for r in store.results(store.runs()[0].id)}


@JOBS
@pytest.mark.parametrize("change", [other_weights, other_generation_config])
def test_a_half_swept_checkpoint_that_is_overwritten_is_refused_by_name(
    half_swept: RunConfig, jobs: int, change: Callable[[Path], None]
) -> None:
    study, folder, before = with_jobs(half_swept, jobs), arm_of(half_swept) / "train/checkpoint", measured(half_swept)
    kept = shutil.copytree(folder, folder.with_name("kept"))
    change(folder)
    was, now = before["a", "pope"][:12], model_digest(folder)[:12]
    with pytest.raises(DataError, match=rf"^a: the run .* has results \(pope\) of a checkpoint with the digest {was}; .*{now}"):
        pipeline.run(study, "test")
    assert measured(half_swept) == before
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)
    assert pipeline.run(study, "test") is not None
    assert measured(half_swept) == before | {("a", "chair"): before["a", "pope"]}


@JOBS
def test_a_checkpoint_that_is_overwritten_before_its_first_result_is_refused_by_name(unswept: RunConfig, jobs: int) -> None:
    study = with_jobs(unswept, jobs)
    folder = arm_of(study) / "train/checkpoint"
    other_weights(folder)
    with pytest.raises(DataError, match=r"^a: the run .* trained a checkpoint with the digest"):
        pipeline.run(study, "test")
    assert not any(label == "a" for label, _ in measured(study))
    shutil.rmtree(arm_of(study))  # it may be trained again: nothing was measured of it
    assert pipeline.run(study, "test") is not None
    assert ("a", "pope") in measured(study)


def test_a_finished_run_with_an_item_missing_asks_no_other_checkpoint_and_a_whole_one_is_shown(finished: RunConfig) -> None:
    with Store(Path(finished.output) / "store.sqlite") as store:
        (done,) = store.runs()
        place, result = next((n, r) for n, r in enumerate(store.results(done.id)) if (r.label, r.benchmark) == ("a", "chair"))
    other_weights(arm_of(finished) / "train/checkpoint")
    again = pipeline.run(finished, "test")
    assert again is not None and again.run_id == done.id
    with Store(Path(finished.output) / "store.sqlite") as store:
        store.add_result(done.id, place, replace(result, answer_keys=(None, *result.answer_keys[1:])))
        before = store.run(done.id).status
    with pytest.raises(DataError, match=r"^a: the run .* has results \(pope, chair\) of a checkpoint"):
        pipeline.run(finished, "test")
    with Store(Path(finished.output) / "store.sqlite") as store:
        assert store.run(done.id).status == before


def test_a_finished_run_says_which_files_are_not_those_that_were_measured_and_reads_them_once(
    study: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> list[str]:
        lines = list[str]()
        assert pipeline.run(study, "test", say=lines.append) is not None
        return [line for line in lines if line.startswith("a: ")]

    said()
    folder, was = arm_of(study) / "train/checkpoint", measured(study)["a", "pope"][:12]
    with monkeypatch.context() as patch:
        patch.setattr(models, "checkpoint_of", stopped)  # its training's end read it
        assert not said()
    other_weights(folder)
    (told,) = said()
    assert f"a checkpoint with the digest {was}; the files that are there now have {model_digest(folder)[:12]}." in told
    shutil.rmtree(folder)
    (told,) = said()
    assert f"a checkpoint (digest {was}) that cannot be read any more: There is no model folder" in told


@pytest.mark.parametrize("knows", [True, False], ids=["its training's digest", "no digest, as of older versions"])
def test_a_checkpoint_that_is_overwritten_while_others_are_at_work_is_not_swept(
    half_swept: RunConfig, monkeypatch: pytest.MonkeyPatch, knows: bool
) -> None:
    before, load = measured(half_swept), pipeline.load_model
    if not knows:
        (arm_of(half_swept) / "train/done.json").unlink()

    def later(config: RunConfig, path: str | None = None, pool: Any = None) -> Any:
        if path is not None:
            other_weights(Path(path))
        return load(config, path, pool)

    monkeypatch.setattr(pipeline, "load_model", later)
    told = "is not what its training wrote" if knows else r"^a: the run .* has results \(pope\) of a checkpoint"
    with pytest.raises(HarnessError, match=told):
        pipeline.run(half_swept, "test")
    assert measured(half_swept) == before


@JOBS
def test_an_arm_that_is_trained_again_goes_on_where_its_bytes_are_the_same(
    half_swept: RunConfig, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, align = measured(half_swept), ArmTraining.require_same
    shutil.rmtree(arm_of(half_swept))

    def other(self: ArmTraining, arm: Any, folder: Path) -> str:
        other_generation_config(folder)
        return align(self, arm, folder)

    with monkeypatch.context() as patch:
        patch.setattr(ArmTraining, "require_same", other)
        with pytest.raises(HarnessError, match=r"a: the run .* has results \(pope\) of a checkpoint"):
            pipeline.run(half_swept, "test")
    assert measured(half_swept) == before
    shutil.rmtree(arm_of(half_swept))
    assert pipeline.run(with_jobs(half_swept, jobs), "test") is not None
    assert set(measured(half_swept).values()) == set(before.values())


def test_no_arm_is_trained_on_an_earlier_one_that_was_overwritten_since_it_was_swept(
    study: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = study.model_dump(exclude_none=True)
    two = schema.parse(tree | {"arms": [tree["arms"][0], tree["arms"][0] | {"name": "b", "after": "a"}]})
    train = ArmTraining.train
    with monkeypatch.context() as patch:
        patch.setattr(ArmTraining, "train", lambda self, arm, pairs: (train if arm.name == "a" else stopped)(self, arm, pairs))
        with pytest.raises(Stopped):
            pipeline.run(two, "test")
    other_weights(arm_of(two) / "train/checkpoint")
    with pytest.raises(DataError, match=r"^a: the run .* has results \(pope, chair\) of a checkpoint"):
        pipeline.run(two, "test")


@JOBS
def test_no_arm_is_trained_on_a_base_that_was_overwritten_since_it_was_loaded(
    study: RunConfig, jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shutil.copytree(checkpoint_folder(), tmp_path / "base"))
    model = study.model.model_copy(update={"path": str(own)})
    align = pipeline._Stages._align

    def later(self: Any, base: Any, arm: Any) -> None:
        other_weights(own)
        align(self, base, arm)

    monkeypatch.setattr(pipeline._Stages, "_align", later)
    with pytest.raises(HarnessError, match="base: the run .* of a checkpoint with the digest"):
        pipeline.run(with_jobs(study.model_copy(update={"model": model}), jobs), "test")


def test_a_column_that_an_older_version_filled_from_two_checkpoints_says_so(finished: RunConfig) -> None:
    with Store(Path(finished.output) / "store.sqlite") as store:
        run = store.runs()[0].id
        place, result = next((n, r) for n, r in enumerate(store.results(run)) if (r.label, r.benchmark) == ("a", "chair"))
        other = replace(result.checkpoint, digest="0" * 64)
        store.add_result(run, place, replace(result, checkpoint=other))
        notes = [note for record in records_of(store, run) for note in record.notes]
    (told,) = [note for note in notes if "checkpoints" in note]
    assert told.startswith("The column a holds answers of 2 checkpoints, ") and "000000000000 (chair)" in told
