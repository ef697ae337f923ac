"""Objects of training images from instance annotations in COCO's format, for sources that check sentences against them.

{"images": [{"id": 9, "file_name": "COCO_train2014_000000000009.jpg"}],
 "annotations": [{"image_id": 9, "category_id": 51}], "categories": [{"id": 51, "name": "bowl"}]}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.core.edge.files import parse_json
from harness.core.errors import ConfigError, DataError
from harness.core.plugins import Data

_NOT_TRAINING = re.compile(r"(^|[^a-z])(val|test|minival)", re.IGNORECASE)


def objects_by_image(data: Data, name: str) -> dict[str, frozenset[str]]:
    """File name -> names of the categories in it.

    Raises ConfigError for a file of images that benchmarks ask about, DataError for another format.
    """
    if _NOT_TRAINING.search(name.rpartition("/")[2]):
        raise ConfigError(
            f"{name} looks like annotations of a validation or test split; pairs may be made of training images only."
        )
    value = parse_json(data.read_text(name), name)
    try:
        named = {image["id"]: _text(image, "file_name").rpartition("/")[2] for image in value["images"]}
        kinds = {category["id"]: _text(category, "name") for category in value["categories"]}
        found: dict[str, set[str]] = {file: set() for file in named.values()}
        for annotation in value["annotations"]:
            found[named[annotation["image_id"]]].add(kinds[annotation["category_id"]])
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{name} is not in COCO's instances format ({error!r} is missing or of another type).") from error
    return {file: frozenset(kinds_of) for file, kinds_of in found.items()}


def _text(entry: Mapping[str, Any], key: str) -> str:
    if not isinstance(entry[key], str):
        raise TypeError(f"{key!r}: {entry[key]!r}"[:80])
    return str(entry[key])
