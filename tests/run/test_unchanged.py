"""A run goes on, or is shown again, only with the benchmarks and the rows that it was begun with."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alignment.sources.jsonl import Jsonl
from benchmarks.pope import Pope
from harness.config import schema as config
from harness.config.schema import RunConfig
from harness.core.errors import DataError, HarnessError
from harness.core.preference import PreferencePair
from harness.run import pipeline
from harness.run.estimate import estimate
from harness.storage.artifacts import Pairs
from harness.storage.run_store import Store

POPE = "pope/coco_pope_random.json"


def row(number: int, image: str) -> dict[str, Any]:
    return {"id": str(number), "image": image, "prompt": "What is this?", "chosen": f"A dog, {number}.", "rejected": "Nothing."}


@pytest.fixture(scope="module")
def once(world: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunConfig, Path]:
    """A finished run of one arm on a file of pairs, over a data folder whose questions and pairs may be changed; and a copy
    of its folders."""
    folder = tmp_path_factory.mktemp("unchanged")
    data = folder / "here/data"
    data.mkdir(parents=True)
    for entry in world.iterdir():
        if entry.name != "pope":
            (data / entry.name).symlink_to(entry)
    shutil.copytree(world / "pope", data / "pope")
    images = sorted(path.name for path in (data / "coco/val2014").iterdir())[:4]
    (data / "pairs.jsonl").write_text("".join(json.dumps(row(n, f"coco/val2014/{i}")) + "\n" for n, i in enumerate(images)))
    align = {"name": "dpo", "training": {"batch_size": 4, "max_steps": 1, "trackers": []}}
    made = config.parse(
        {
            "model": {"name": "transformers", "path": "miniworld", "dtype": "float32", "device": "cpu", "threads": 1},
            "arms": [{"name": "a", "pairs": {"name": "jsonl", "file": "pairs.jsonl"}, "align": align}],
            "sweep": [{"name": "pope", "splits": ["random"], "limit_images": 2}],
            "data": str(data),
            "output": str(folder / "here/out"),
            "jobs": 1,
        }
    )
    pipeline.run(made, "test")
    return made, Path(shutil.copytree(folder / "here", folder / "kept", symlinks=True))


@pytest.fixture
def study(once: tuple[RunConfig, Path]) -> RunConfig:
    """The same for one test. A run knows the places of its files, so that the copy is put where they were made."""
    made, kept = once
    shutil.rmtree(kept.with_name("here"))
    shutil.copytree(kept, kept.with_name("here"), symlinks=True)
    return made


def flip(study: RunConfig) -> None:
    path = Path(study.data) / POPE
    other = {'"yes"': '"no"', '"no"': '"yes"'}
    path.write_text("".join(other.get(part, part) for part in re.split(r'("yes"|"no")', path.read_text())))


def test_what_changed_is_refused_by_name_and_the_run_stays_complete(study: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, pairs = Path(study.data), (Path(study.data) / "pairs.jsonl").read_text()
    before = pipeline.run(study, "test")
    labels = (folder / POPE).read_text()
    flip(study)
    with pytest.raises(DataError, match="pope: other questions, images or labels in .* than those that were measured"):
        pipeline.run(study, "test")
    (folder / POPE).write_text(labels)
    (folder / "pairs.jsonl").write_text(pairs.replace("A dog, 3.", "A cat."))
    with pytest.raises(DataError, match="arm a: the source jsonl has other rows than those that its pairs were made of"):
        pipeline.run(study, "test")
    (folder / "pairs.jsonl").write_text(pairs)
    with monkeypatch.context() as patch:
        patch.setattr(Pope, "version", 1000)
        with pytest.raises(DataError, match=r"pope was measured by version \d+ of the benchmark; here is version 1000"):
            pipeline.run(study, "test")
    with Store(Path(study.output) / "store.sqlite") as store:
        assert store.run(before.run_id).status == "complete"
    assert pipeline.run(study, "test").run_id == before.run_id


def test_a_dry_run_of_what_is_refused_is_refused_with_the_command_that_shows_it(study: RunConfig) -> None:
    assert [cost.stage for cost in estimate(study)] == ["sweep: pope", "pairs: a", "align: a"]
    flip(study)
    shows = rf"`python -m harness compare run-\w+ --output {study.output}` shows them"
    with pytest.raises(DataError, match=f"pope: other questions(.|\n)*{shows}"):
        list(estimate(study))


def own_image(study: RunConfig, world: Path) -> Path:
    """An image that pope asks about, as a file of this data folder's own."""
    with Store(Path(study.output) / "store.sqlite") as store:
        name = store.results(store.runs()[0].id)[0].items[0].image
    coco, whole = Path(study.data) / "coco", world / "coco"
    coco.unlink()
    for file in whole.rglob("*"):
        if file.is_file():
            place = coco / file.relative_to(whole)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file)
    image = Path(study.data) / name
    content = image.read_bytes()
    image.unlink()
    image.write_bytes(content)
    return image


def test_an_image_of_another_content_is_refused(study: RunConfig, world: Path) -> None:
    image = own_image(study, world)
    done = pipeline.run(study, "test")
    content = image.read_bytes()
    image.write_bytes(content + b"\0")
    with pytest.raises(DataError, match="pope: files of images in .* have another content than those that were measured"):
        pipeline.run(study, "test")
    image.write_bytes(content)
    assert pipeline.run(study, "test").run_id == done.run_id


def test_an_image_that_could_not_be_read_may_be_mended(study: RunConfig, world: Path) -> None:
    image = own_image(study, world)
    content = image.read_bytes()
    image.write_bytes(b"no image")
    again = study.model_copy(update={"name": "mended"})
    with Store(Path(study.output) / "store.sqlite") as store:
        assert store.how_complete(pipeline.run(again, "test").run_id) == "complete but for 12 items without an answer"
        image.write_bytes(content)
        assert store.how_complete(pipeline.run(again, "test").run_id) == "complete"


def test_without_its_files_a_finished_run_is_shown_as_it_was(study: RunConfig) -> None:
    before = (pipeline.run(study, "test").folder / "report.json").read_text()
    (Path(study.data) / POPE).unlink()
    (Path(study.data) / "pairs.jsonl").unlink()
    said = list[str]()
    after = pipeline.run(study, "test", say=said.append)
    assert (after.folder / "report.json").read_text() == before
    assert [line for line in said if line.startswith("pope cannot be compared with what was measured: ")]
    assert [line for line in said if line.startswith("the pairs of a cannot be compared with their source: ")]


def test_pairs_of_a_version_that_kept_no_digest_are_not_compared(study: RunConfig) -> None:
    done = pipeline.run(study, "test")
    with Store(Path(study.output) / "store.sqlite") as store:
        kept = store.get(Pairs, done.run_id, "a")
        assert kept is not None and len(kept.source) == 64
        store.put(done.run_id, Pairs(kept.report, kept.examples, kept.images), "a")
    (Path(study.data) / "pairs.jsonl").write_text(json.dumps(row(9, kept.examples[0].image)) + "\n")
    assert pipeline.run(study, "test").run_id == done.run_id


def test_pairs_with_which_nothing_was_measured_may_be_made_again(study: RunConfig) -> None:
    """An arm whose file was at fault is corrected without another name for the whole run."""
    bad = study.arms[0].model_copy(update={"name": "bad"})
    align = {"name": "dpo", "training": {"batch_size": 4, "max_steps": 1, "max_length": 2, "trackers": []}}
    tree = study.model_dump(exclude_none=True) | {"arms": [{"name": "bad", "pairs": bad.pairs.model_dump(), "align": align}]}
    made = config.parse(tree)
    with pytest.raises(HarnessError, match="No preference pair is left to train on"):
        pipeline.run(made, "test")
    path = Path(study.data) / "pairs.jsonl"
    path.write_text(path.read_text().replace("A dog, 3.", "A cat."))
    with pytest.raises(
        DataError, match=r"arm bad: .* Remove .*/arms/bad to make its pairs again; nothing was measured"
    ) as told:
        pipeline.run(made, "test")
    shutil.rmtree(str(told.value).partition("Remove ")[2].partition(" to make")[0])
    with pytest.raises(HarnessError, match="No preference pair is left to train on"):
        pipeline.run(made, "test")


def test_an_image_that_is_gone_changes_no_rows(study: RunConfig, world: Path) -> None:
    before = pipeline.run(study, "test")
    folder = Path(study.data)
    (folder / "coco").unlink()
    (folder / "coco").mkdir()
    for entry in (world / "coco").iterdir():
        if entry.name != "val2014":
            (folder / "coco" / entry.name).symlink_to(entry)
    images = sorted((world / "coco/val2014").iterdir())
    (folder / "coco/val2014").mkdir()
    for image in images[1:]:
        (folder / "coco/val2014" / image.name).symlink_to(image)
    assert pipeline.run(study, "test").run_id == before.run_id


def test_the_rows_are_those_from_before_the_pairs_were_drawn(study: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes hours, in which the file may change; its pairs are of the rows that were read."""
    path, made = Path(study.data) / "pairs.jsonl", study.model_copy(update={"name": "slow"})
    kept, pairs_of = path.read_text(), Jsonl.pairs

    def slowly(*args: Any) -> Iterator[PreferencePair]:
        found = list(pairs_of(*args))
        path.write_text(kept.replace("A dog, 3.", "A cat."))
        return iter(found)

    with monkeypatch.context() as patch:
        patch.setattr(Jsonl, "pairs", slowly)
        done = pipeline.run(made, "test")
    with pytest.raises(DataError, match="other rows"):
        pipeline.run(made, "test")
    path.write_text(kept)
    assert pipeline.run(made, "test").run_id == done.run_id
