"""Image lists: which images of a split are described, as a file that can be shared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from benchmarks._coco.annotations import Truth
from harness.core.edge.files import parse_json
from harness.core.edge.identifiers import names_of_file
from harness.core.errors import DataError
from harness.core.evaluation import Item
from harness.core.plugins import Data
from harness.core.run_record import REPEATED

_IN_SPLIT = re.compile(r"(?:^|/)((?:train|val)\d+)/(.+)$")


class ImageList(NamedTuple):
    """Image ids in the order of a file, each once, and how many entries the file has."""

    ids: list[str]
    n_entries: int

    @property
    def facts(self) -> dict[str, str]:
        """For the protocol: how many entries name an image once more; nothing where none does."""
        n = self.n_entries - len(self.ids)
        return {REPEATED: f"{n:,} of {self.n_entries:,} of the image list; each image is asked about once"} if n else {}


def read_image_list(data: Data, name: str, truth: Truth) -> ImageList:
    """The images that a file lists. Raises DataError naming the line.

    One id or file name a line; a JSON list of them; JSON lines or a list with "image_id" or "image" (a caption file of OPERA
    serves); CHAIR's own caption file, {"imgToEval": ...}; or a file of COCO's form, {"images": ...}.
    """
    chosen, entries = dict[str, None](), _entries(data.read_text(name), name)
    for where, image in entries:
        number = truth.id_of(image)
        if number is None:
            raise DataError(f"{where}: {image!r} is not an image of the annotation file. Check the split, or remove the line.")
        chosen[number] = None
    if not chosen:
        raise DataError(f"{name} lists no image. Give one id or file name a line.")
    return ImageList(list(chosen), len(entries))


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
        return _listed(parse_json(text, name, "Correct the list."), name)
    if text.lstrip().startswith("{") and (own := _of_object(text, name)) is not None:
        return own
    lines = ((f"{name}, line {n}", line.strip()) for n, line in enumerate(text.split("\n"), 1))
    return [(where, _from_line(where, line)) for where, line in lines if line]


def _from_line(where: str, line: str) -> str:
    return _image(parse_json(line, where, "Correct the line.")) if line.startswith("{") else line


def _listed(entries: Sequence[object], name: str) -> list[tuple[str, str]]:
    return [(f"{name}, entry {n}", _image(entry)) for n, entry in enumerate(entries, 1)]


def _of_object(text: str, name: str) -> list[tuple[str, str]] | None:
    """The entries of a file that is one JSON object; None where it is JSON lines. Raises DataError for an unknown form."""
    first, _, rest = text.strip().partition("\n")
    if rest and first.rstrip().endswith("}"):
        return None
    content = parse_json(text, name, "Correct the list.")
    captions, images = content.get("imgToEval"), content.get("images")
    if isinstance(captions, dict):
        return _listed([{"image_id": key, **entry} for key, entry in captions.items() if isinstance(entry, dict)], name)
    if isinstance(images, list):
        return _listed([image.get("id", "") for image in images if isinstance(image, dict)], name)
    if {"image_id", "image"} & set(content):
        return None
    raise DataError(
        f"{name} is not an image list: it has {', '.join(content)[:100] or 'nothing'}. Give one id or file name a line, a JSON "
        "list, or a caption file."
    )


def _image(entry: object) -> str:
    if isinstance(entry, dict):
        entry = entry.get("image_id", entry.get("image", ""))
    return str(int(entry)) if isinstance(entry, float) and entry.is_integer() else str(entry)
