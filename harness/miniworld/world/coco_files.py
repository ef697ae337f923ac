"""COCO's annotation format for planned and painted scenes, and the faults put into the benchmark's labels."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.miniworld.world.captions import reference_captions
from harness.miniworld.world.icons import all_icons
from harness.miniworld.world.scenes import SIZE_PX, Scene, WorldSettings

_INFO = {
    "description": "miniature world of mm-align-harness: drawn pictures in COCO 2014's format",
    "url": "", "version": "1", "year": 2014, "contributor": "mm-align-harness", "date_created": "2014/01/01",
}  # fmt: skip
_LICENSES = [{"id": 1, "name": "Apache License 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}]

Box = tuple[int, int, int, int]  # x, y, width, height in px


@dataclass(frozen=True, slots=True)
class Label:
    """One instance as an annotator wrote it down. `box` is x, y, width, height in px, `area` in px."""

    annotation_id: int
    image_id: int
    kind: str
    box: Box
    area: int


def file_name(scene: Scene) -> str:
    """COCO_val2014_000000500001.jpg"""
    return f"COCO_{scene.part}2014_{scene.image_id:012d}.jpg"


def image_path(scene: Scene) -> str:
    """Path of the image, relative to the data folder."""
    return f"coco/{scene.part}2014/{file_name(scene)}"


def labels_of(scene: Scene, boxes: Sequence[Box], areas: Sequence[int], settings: WorldSettings) -> list[Label]:
    """True labels in an annotator's order, which is not the order of painting; box and area of every object in px."""
    order = list(range(len(scene.things)))
    random.Random(f"{settings.seed}/labels/{scene.part}/{scene.index}").shuffle(order)
    return [
        Label(scene.image_id * 10 + place, scene.image_id, scene.things[i].kind, boxes[i], areas[i])
        for place, i in enumerate(order)
    ]


def put_faults(labels: Sequence[Label], settings: WorldSettings) -> tuple[list[Label], list[dict[str, Any]]]:
    """Remove or swap a known share of labels; returns the faulty labels and the list of what was done.

    A swap puts another kind of the same supercategory or, where there is none, any other kind.
    """
    rng = random.Random(f"{settings.seed}/label faults")
    victims = set(rng.sample(range(len(labels)), round(settings.label_fault_share * len(labels))))
    kept, faults = [], []
    for index, label in enumerate(labels):
        if index not in victims:
            kept.append(label)
            continue
        fault = {"annotation_id": label.annotation_id, "image_id": label.image_id, "true": label.kind}
        if rng.random() < 0.5:
            faults.append({**fault, "fault": "removed", "written": ""})
            continue
        written = rng.choice(_mistakable(label.kind))
        kept.append(replace(label, kind=written))
        faults.append({**fault, "fault": "swapped", "written": written})
    return kept, faults


def _mistakable(kind: str) -> list[str]:
    icons = all_icons()
    group = icons[kind].supercategory
    near = [name for name, icon in icons.items() if icon.supercategory == group and name != kind]
    return near or [name for name in icons if name != kind]


def instances_file(scenes: Sequence[Scene], labels: Sequence[Label]) -> dict[str, Any]:
    """instances_*.json; the polygon of a label is its box."""
    categories = [
        {"supercategory": icon.supercategory, "id": icon.category_id, "name": icon.name} for icon in all_icons().values()
    ]
    annotations = [_annotation(label) for label in labels]
    return {**_head(scenes), "annotations": annotations, "categories": categories}


def _annotation(label: Label) -> dict[str, Any]:
    x, y, width, height = label.box
    return {
        "segmentation": [[x, y, x + width, y, x + width, y + height, x, y + height]],
        "area": label.area,
        "iscrowd": 0,
        "image_id": label.image_id,
        "bbox": list(label.box),
        "category_id": all_icons()[label.kind].category_id,
        "id": label.annotation_id,
    }


def captions_file(scenes: Sequence[Scene], settings: WorldSettings) -> dict[str, Any]:
    """captions_*.json: five an image, true to the image."""
    annotations = []
    for scene in scenes:
        rng = random.Random(f"{settings.seed}/captions/{scene.part}/{scene.index}")
        for number, caption in enumerate(reference_captions(scene, rng)):
            annotations.append({"image_id": scene.image_id, "id": scene.image_id * 10 + number, "caption": caption})
    return {**_head(scenes), "annotations": annotations}


def _head(scenes: Sequence[Scene]) -> dict[str, Any]:
    images = [
        {
            "license": 1, "file_name": file_name(scene), "coco_url": "", "height": SIZE_PX, "width": SIZE_PX,
            "date_captured": "2014-01-01 00:00:00", "flickr_url": "", "id": scene.image_id,
        }
        for scene in scenes
    ]  # fmt: skip
    return {"info": _INFO, "images": images, "licenses": _LICENSES}
