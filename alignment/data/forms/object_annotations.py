"""Objects of training images from instance annotations in COCO's format, for sources that check sentences against them.

{"images": [{"id": 9, "file_name": "COCO_train2014_000000000009.jpg"}],
 "annotations": [{"image_id": 9, "category_id": 51}], "categories": [{"id": 51, "name": "bowl"}]}
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.edge.files import parse_json
from harness.core.edge.identifiers import ListedFiles, coco_number, identifier
from harness.core.errors import ConfigError, DataError
from harness.core.plugins import Data

_NOT_TRAINING = re.compile(r"(^|[^a-z])(val|test|minival)", re.IGNORECASE)
_SEVERAL = 8  # images; fewer without an annotation are somebody's sample


@dataclass(frozen=True, slots=True)
class AnnotatedObjects:
    """Names of the annotated categories by image id, and the images' files."""

    files: ListedFiles
    objects: Mapping[str, frozenset[str]]

    def of(self, paths: Iterable[str]) -> dict[str, frozenset[str] | None]:
        """Path of an image -> its objects; None for one without annotations, and for files in several folders that one
        image would stand for, because the annotations name no folder (COCO's names are one image anywhere)."""
        meant = {path: self.files.meant(path) for path in dict.fromkeys(paths)}
        times = Counter(own for path, own in meant.items() if not coco_number(path))
        return {path: self.objects[own] if own is not None and times[own] < 2 else None for path, own in meant.items()}


def read_objects(data: Data, name: str) -> AnnotatedObjects:
    """The annotations of a file.

    Raises ConfigError for a file of images that benchmarks ask about, DataError for another format, for two images of one id
    and for annotations of no image.
    """
    if _NOT_TRAINING.search(name.rpartition("/")[2]):
        raise ConfigError(
            f"{name} looks like annotations of a validation or test split; pairs may be made of training images only."
        )
    value = parse_json(data.read_text(name), name)
    try:
        files = _files(value["images"], name)
        kinds = {identifier(category["id"], f"{name}, categories"): _text(category, "name") for category in value["categories"]}
        found: dict[str, set[str]] = {own: set() for own in files}
        for annotation in value["annotations"]:
            own = identifier(annotation["image_id"], f"{name}, annotations")
            kind = identifier(annotation["category_id"], f"{name}, annotations")
            if own not in files or kind not in kinds:
                what = f"image {own}" if own not in files else f"category {kind}"
                raise DataError(f"{name}: an annotation is of {what}, which the file does not list. Correct or remove it.")
            found[own].add(kinds[kind])
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{name} is not in COCO's instances format ({error!r} is missing or of another type).") from error
    if len(files) >= _SEVERAL and not any(found.values()):
        raise DataError(f"{name} has no annotation: every object would count as invented. Fetch the file again.")
    listed = ListedFiles.by_id({own: (file, "") for own, file in files.items()})
    return AnnotatedObjects(listed, {own: frozenset(kinds_of) for own, kinds_of in found.items()})


def _files(images: Sequence[Mapping[str, Any]], name: str) -> dict[str, str]:
    """Image id -> file name."""
    found: dict[str, str] = {}
    for image in images:
        own, file = identifier(image["id"], f"{name}, images"), _text(image, "file_name")
        if found.setdefault(own, file) != file:
            raise DataError(f"{name}: the images {found[own]} and {file} have the same id {own}. Fetch the file again.")
    return found


def _text(entry: Mapping[str, Any], key: str) -> str:
    if not isinstance(entry[key], str):
        raise TypeError(f"{key!r}: {entry[key]!r}"[:80])
    return str(entry[key])
