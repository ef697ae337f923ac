"""Path of an image of a published data set: the name in its file, and the other names that people have it under.

COCO's images are `000000033471.jpg` in LLaVA-Instruct and `COCO_train2014_000000033471.jpg` in train2014.zip; Visual Genome
spreads its numbers over the folders VG_100K and VG_100K_2. A source that misses most of its images stops here, before
anything is asked or trained.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Sized
from typing import Any

from alignment.data.forms.unread_keys import require_no_unread_image, require_one_image_key
from alignment.data.invalid_pairs import Dropped, is_inside, left_out, shown_name
from harness.core.edge.files import leaves_folder, outside_text
from harness.core.edge.text import shown
from harness.core.errors import ConfigError, DataError
from harness.core.plugins import Data

_COCO = re.compile(r"(?:COCO_(?:train|val|test)20\d\d_)?(\d{12}\.(?:jpg|jpeg|png))", re.IGNORECASE)
_GENOME = re.compile(r"\d{1,7}\.jpg", re.IGNORECASE)
_PREFIXES = ("COCO_train2014_", "COCO_val2014_", "")
LONGEST_SHOWN = 200  # characters of a place that a message names
_GENOME_FOLDERS = ("VG_100K", "VG_100K_2")


def names_in(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A prompt's images, under `image` or `images`, a name or a list of names.

    Raises ValueError for something else, for an image under another key, and for one outside of the data folder.
    """
    require_one_image_key(row)
    value = row.get("image") or row.get("images") or []
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ValueError("'image' must be a name, or a list of names")
    if not names:
        require_no_unread_image(row)
    require_inside(names)
    return tuple(names)


def require_inside(names: Iterable[str]) -> None:
    """Raise ValueError for an image that a file names outside of the data folder; links inside it may lead anywhere."""
    if (name := next(filter(leaves_folder, names), None)) is not None:
        raise ValueError(outside_text(shown_name(name)))


def candidates(folder: str, name: str) -> list[str]:
    """All paths in the data folder where the image may be, the one that the file names first."""
    first = "/".join(filter(None, (folder.strip("/"), name)))
    place, _, last = first.rpartition("/")
    found = [first]
    if coco := _COCO.fullmatch(last):
        found += ["/".join(filter(None, (place, prefix + coco[1]))) for prefix in _PREFIXES]
    elif _GENOME.fullmatch(last):
        found += ["/".join(filter(None, (place, part, last))) for part in _GENOME_FOLDERS]
    return list(dict.fromkeys(found))


def find_image(data: Data, folder: str, name: str) -> str | None:
    """The image's place in the data folder; None where it is in none of them."""
    return next((place for place in candidates(folder, name) if data.has(place)), None)


def refuse_unusable(data: Data, file: str, folder: str, kept: Sized, dropped: Sequence[Dropped], asked: int) -> None:
    """Raise DataError where more than half of the rows have no image, naming the places looked at, or no row is left."""
    missing = [one.what for one in dropped if one.what]
    if 2 * len(missing) > asked:
        others = list(dict.fromkeys(name for name in missing if name != missing[0]))
        more = f" and {len(others) - 2:,} more" if len(others) > 2 else ""
        also = f" {', '.join(map(shown_name, others[:2]))}{more} are missing too." if others else ""
        if is_inside(missing[0]):
            raise DataError(
                f"{file}: the images of {len(missing):,} of {asked:,} rows are not files of the data folder. The first is "
                f"{shown_name(missing[0])}. Write such images to files and their names into the rows, or pack them as parquet."
            )
        places = ", ".join(place if len(place) <= LONGEST_SHOWN else shown(place) for place in candidates(folder, missing[0]))
        raise DataError(
            f"{file}: the images of {len(missing):,} of {asked:,} rows are not in the data folder {data.folder}. The first, "
            f"{shown_name(missing[0])}, was looked for as {places}.{also} Put the images there, or "
            "set image_folder to their folder. `python -m harness fetch NAME` says where a published set's come from."
        )
    if not kept:
        also = f"; missing images belong into the data folder {data.folder}" if missing else ""
        raise DataError(f"{file}: none of its rows can be used. {left_out(dropped, asked)}. Correct the rows{also}.")


def refuse_most_lost(file: str, lost: Sequence[str], asked: int) -> None:
    """Raise DataError where more than half of the rows (of two or more) cannot be used; `lost` says why, row by row."""
    if asked > 1 and 2 * len(lost) > asked:
        shown = "".join(f"\n  {why}" for why in lost[:5])
        raise DataError(f"{file}: {len(lost):,} of {asked:,} rows cannot be used. Is it the file that the source reads?{shown}")


def check_limit(source: str, limit: object) -> None:
    """Raise ConfigError for a `limit` that is not None or a whole number above 0."""
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ConfigError(f"{source}.limit is {limit!r}; give a whole number above 0, or leave it out for all rows.")
