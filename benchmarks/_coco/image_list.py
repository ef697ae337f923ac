"""Image lists: which images of a split are described, as a file that can be shared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from pathlib import PurePosixPath

from benchmarks._coco.annotations import Truth
from harness.core.edge.files import parse_json
from harness.core.edge.identifiers import names_of_file
from harness.core.errors import DataError
from harness.core.evaluation import Item
from harness.core.plugins import Data

_IN_SPLIT = re.compile(r"(?:^|/)((?:train|val)\d+)/(.+)$")


def read_image_list(data: Data, name: str, truth: Truth) -> list[str]:
    """Image ids in the order of the file: one id or file name a line, a JSON list of them, or JSON lines with
    "image_id" or "image" (a caption file of OPERA serves). Repeats count once. Raises DataError naming the line."""
    chosen: dict[str, None] = {}
    for where, image in _entries(data.read_text(name), name):
        number = truth.id_of(image)
        if number is None:
            raise DataError(f"{where}: {image!r} is not an image of the annotation file. Check the split, or remove the line.")
        chosen[number] = None
    if not chosen:
        raise DataError(f"{name} lists no image. Give one id or file name a line.")
    return list(chosen)


def names_of_image(image: str) -> list[str]:
    """What an item's image ("coco/val2014/a.png") goes by in answer files: the name of its file, in its split's folder."""
    found = _IN_SPLIT.search(image)
    return names_of_file(found[2], found[1]) if found else names_of_file(image)


def names_of_item(item: Item) -> list[str]:
    return [item.id, *names_of_image(item.image)]


def of_several_folders(images: Collection[str], usual: str) -> dict[str, str]:
    """The protocol's "image list" where a caption file has chosen images beyond the folder `usual`, else nothing."""
    found = Counter(str(PurePosixPath(image).parent) for image in images)
    told = ", ".join(f"{number:,} of {PurePosixPath(folder).name}" for folder, number in sorted(found.items()))
    return {} if set(found) <= {usual} else {"image list": f"of the caption file: {told}"}


def _entries(text: str, name: str) -> list[tuple[str, str]]:
    if text.lstrip().startswith("["):
        return [(f"{name}, entry {n}", _image(entry)) for n, entry in enumerate(parse_json(text, name, "Correct the list."), 1)]
    lines = ((f"{name}, line {n}", line.strip()) for n, line in enumerate(text.split("\n"), 1))
    return [(where, _from_line(where, line)) for where, line in lines if line]


def _from_line(where: str, line: str) -> str:
    return _image(parse_json(line, where, "Correct the line.")) if line.startswith("{") else line


def _image(entry: object) -> str:
    if isinstance(entry, dict):
        entry = entry.get("image_id", entry.get("image", ""))
    return str(int(entry)) if isinstance(entry, float) and entry.is_integer() else str(entry)
