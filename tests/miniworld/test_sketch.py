"""A sketched world gives the same files as the whole one, each when it is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.core.errors import DataError
from harness.miniworld.world.sketch import SketchedWorld
from tests.small_world import SMALL


def test_every_file_of_a_sketched_world_is_that_of_the_whole_world(world: Path, tmp_path: Path) -> None:
    sketch = SketchedWorld(tmp_path, SMALL)
    names = [path.relative_to(world).as_posix() for path in world.rglob("*") if path.is_file()]
    names = [name for name in names if not name.startswith(".cache/")]  # what other tests noted of the world
    assert len(names) > 300 and list(tmp_path.iterdir()) == []
    for name in names:
        if name != "world.json" and "/instances_" not in name:
            assert sketch.path(name).read_bytes() == (world / name).read_bytes(), name


def test_the_labels_of_a_sketched_world_differ_in_boxes_alone(world: Path, tmp_path: Path) -> None:
    def labels(path: Path) -> list[dict[str, object]]:
        content = json.loads(path.read_text())
        for row in content["annotations"]:
            for name in ("segmentation", "area", "bbox"):
                del row[name]
        return content

    sketch = SketchedWorld(tmp_path, SMALL)
    for part in ("train", "val"):
        name = f"coco/annotations/instances_{part}2014.json"
        assert labels(sketch.path(name)) == labels(world / name)


def test_a_sketched_world_draws_nothing_to_say_what_is_there(world: Path, tmp_path: Path) -> None:
    sketch = SketchedWorld(tmp_path, SMALL)
    image = next((world / "coco/val2014").iterdir()).name
    assert sketch.has(f"coco/val2014/{image}") and not sketch.has("coco/val2014/x.jpg")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match=r"x\.jpg is not in the miniature world"):
        sketch.path("coco/val2014/x.jpg")


def test_a_file_that_the_world_lacks_is_not_to_be_fetched_into_the_sketch_s_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        SketchedWorld(tmp_path, SMALL).path("own.jsonl")
    assert str(tmp_path) not in str(refused.value) and "data=FOLDER" in str(refused.value)
