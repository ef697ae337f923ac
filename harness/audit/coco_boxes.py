"""The review queue's boxes as a COCO detection file, each with its doubt, for FiftyOne, CVAT and other viewers of boxes.

    {"images": [{"id": 1, "file_name": "coco/val2014/a.jpg", "width": 640, "height": 480, "absent_in_doubt": [...]}],
     "categories": [{"id": 1, "name": "dog", "supercategory": ""}],
     "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [x, y, w, h], "area": 12.0, "iscrowd": 0,
                      "segmentation": [], "doubt": 0.93, "label": "yes", "reasons": "...", "judgement": ""}]}

    import fiftyone as fo
    fo.Dataset.from_dir(dataset_type=fo.types.COCODetectionDataset, data_path=DATA, labels_path=FILE, extra_attrs=True)

`doubt`: the highest suspicion of a label about this object in this image, null where no case is about it. A label that says an
object is absent has no box: it stands under its image's `absent_in_doubt`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from harness.labels.cases import Box, Case
from harness.labels.votes import Ballots

Size = Callable[[str], tuple[int, int] | None]


def coco_text(cases: Iterable[Case], ballots: Ballots, size: Size) -> tuple[str, int]:
    """The file's text, and how many images were left out because they cannot be read (boxes are in pixels of the image).

    `size`: (width, height) of an image of the data folder.
    """
    by_image: dict[str, list[Case]] = {}
    for case in cases:
        if not case.caption:
            by_image.setdefault(case.image, []).append(case)
    sizes = {image: size(image) for image in by_image}
    names = sorted({box.name for own in by_image.values() for case in own for box in case.boxes})
    category = {name: n for n, name in enumerate(names, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image, own in by_image.items():
        if (measured := sizes[image]) is None:
            continue
        images.append(_image(len(images) + 1, image, measured, own))
        for box in dict.fromkeys(box for case in own for box in case.boxes):
            annotations.append(_annotation(len(annotations) + 1, len(images), category[box.name], box, own, ballots))
    document = {
        "info": {"description": "review queue of mm-align-harness: boxes with the doubt about their labels", "version": "1"},
        "licenses": [],
        "images": images,
        "categories": [{"id": n, "name": name, "supercategory": ""} for name, n in category.items()],
        "annotations": annotations,
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n", sum(found is None for found in sizes.values())


def _image(number: int, image: str, size: tuple[int, int], cases: Sequence[Case]) -> dict[str, Any]:
    absent = [{"question": case.question, "doubt": round(case.suspicion, 4)} for case in cases if case.label == "no"]
    found: dict[str, Any] = {"id": number, "file_name": image, "width": size[0], "height": size[1]}
    return found | ({"absent_in_doubt": absent} if absent else {})


def _annotation(number: int, image: int, category: int, box: Box, cases: Sequence[Case], ballots: Ballots) -> dict[str, Any]:
    about = max((case for case in cases if _is_about(case, box.name)), key=lambda case: case.suspicion, default=None)
    decided = ballots.of(about.key).decided if about is not None else None
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [box.x, box.y, box.width, box.height],
        "area": box.width * box.height,
        "iscrowd": int(box.crowd),
        "segmentation": [],
        "doubt": round(about.suspicion, 4) if about is not None else None,
        "label": about.label if about is not None else "",
        "reasons": "; ".join(about.reasons) if about is not None else "",
        "judgement": decided.judgement if decided is not None else "",
    }


def _is_about(case: Case, name: str) -> bool:
    return case.field == name or bool(re.search(rf"\b{re.escape(name)}\b", case.question))
