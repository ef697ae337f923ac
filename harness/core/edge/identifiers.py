"""Identifiers as texts, normalised once where a file is read, and the image that the name of a file means.

1, 1.0, "1" and " 001" are one image, whatever file has them. Numbers in the names of files are no ids, but for COCO's names:

    listed                          is meant by                                            is not meant by
    train2014/photo_2.png           photo_2.png, /data/coco/train2014/photo_2.png          VG_100K/photo_2.png
    COCO_train2014_000000000009.jpg its own name, 000000000009.jpg, in whatever folder     VG_100K/9.jpg
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.core.errors import DataError

_DIGITS = re.compile(r"0*(\d+)(?:\.0*)?")
_COCO = re.compile(r"(?:COCO_(?:train|val|test)\d{4}_)?(\d{12})")
_LONGEST = 1000  # characters of a name; a longer one is the image itself


def identifier(value: object, where: str) -> str:
    """An id as text: whole numbers without leading zeros or ".0", other words as they are, white space around them aside.

    Raises DataError for what names nothing: null, a fraction, an empty text, a list. `where` begins the message.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str) and (text := value.strip()):
        number = _DIGITS.fullmatch(text) if text.isascii() else None
        return number[1] if number else text
    raise DataError(f"{where}: {json.dumps(value, default=str)[:60]} is not an id. Fetch the file again or correct that entry.")


def by_number(identifier: str) -> tuple[bool, int, str]:
    """Sort key: numbers first, by size; then words."""
    number = identifier.isascii() and identifier.isdigit() and len(identifier) < 40
    return (not number, int(identifier) if number else 0, identifier)


def names_of_file(file: str, folder: str = "") -> list[str]:
    """What a listed image goes by: names to be matched with `keys_of_file`.

    `folder`: where the files of the list lie, so that a file of the same name in another folder is another image.
    """
    whole = f"{folder}/{file}" if folder else file
    ends = [whole, file] if "/" in file or not folder else [whole]
    return [*_ends(whole), *(f"/{end}" for end in ends), *filter(None, [coco_number(file)])]


def keys_of_file(path: str) -> list[str]:
    """What the name of a file may mean, the surest first; nothing for what is too long to be a name.

    A path means the listed image that it is an end of, or that is an end of it ("/photo_2.png"); COCO's names mean a number.
    """
    if not path.strip() or len(path) > _LONGEST:
        return []
    ends = _ends(path)
    return [*ends[:1], *(f"/{end}" for end in ends), *filter(None, [coco_number(path)])]


@dataclass(frozen=True, slots=True)
class ListedFiles:
    """Images of a list by the names of their files."""

    of: Mapping[str, list[tuple[str, str, str]]]  # COCO's number or the name without folders -> file, folder, id

    @classmethod
    def by_id(cls, files: Mapping[str, tuple[str, str]]) -> ListedFiles:
        """From id -> (file, folder)."""
        found: dict[str, list[tuple[str, str, str]]] = {}
        for own, (file, folder) in files.items():
            found.setdefault(_short(file), []).append((file, folder, own))
        return cls(found)

    def meant(self, path: str) -> str | None:
        """The id of the image that a path means; None where it means none of them, or several."""
        listed = self.of.get(_short(path), ())
        for key in keys_of_file(path) if listed else ():
            fitting = [own for file, folder, own in listed if key in names_of_file(file, folder)]
            if len(fitting) == 1:
                return fitting[0]
        return None


def coco_number(path: str) -> str:
    """COCO's number in the name of a file, with its zeros, so that it is no id's text; "" for another name."""
    found = _COCO.fullmatch(PurePosixPath(path.replace("\\", "/")).stem)
    return found[1] if found else ""


def _short(path: str) -> str:
    return coco_number(path) or path.replace("\\", "/").rpartition("/")[2]


def _ends(path: str) -> list[str]:
    """a/b/c.png, b/c.png, c.png"""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    return ["/".join(parts[n:]) for n in range(len(parts))]
