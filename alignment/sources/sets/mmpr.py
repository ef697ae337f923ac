"""MMPR v1.2: InternVL's preference sets for MPO, a million pairs in many files named by `meta.json`.

Wang et al. 2024, arXiv:2411.10442; OpenGVLab/MMPR-v1.2 (MIT). `meta.json` maps a set's name to its annotation file and image
folder:

    {"ai2d_..": {"root": "MMPR-v1.2/images/ai2d", "annotation": "MMPR-v1.2/annotations/ai2d.jsonl", "repeat_time": 1, ..}}
    {"image": "1.png", "question": "<image>\\n..", "chosen": "..", "rejected": ".."}

Rows may have several images (`image` is a list) or none: these are text-only pairs. `repeat_time` is InternVL's sampling
and is not followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from alignment.data.forms.tables import table_rows
from alignment.data.forms.tools import columns
from alignment.data.published_datasets import Published, Row
from alignment.data.source_files import hub_file
from harness.core import registry
from harness.core.capabilities import OfficialFile
from harness.core.edge.files import is_folder, parse_json
from harness.core.errors import ConfigError, DataError
from harness.core.nearest import did_you_mean
from harness.core.options.option import Names
from harness.core.plugins import Data
from harness.core.preference import PreferencePair, together

_SET = "OpenGVLab/MMPR-v1.2"


@registry.source
class Mmpr(Published):
    """`file` is meta.json; its paths are looked for beside it, with and without their first folder."""

    default_file = "mmpr/meta.json"
    files = (
        hub_file(default_file, _SET, "MIT"),
        OfficialFile(
            "mmpr/annotations", f"{_SET} on the Hugging Face hub", "MIT", "unpack annotations.zip in mmpr/",
            url=f"https://huggingface.co/datasets/{_SET}/resolve/main/annotations.zip", member="annotations/",
        ),
        OfficialFile(
            "mmpr/images", f"{_SET} on the Hugging Face hub, 54 GB in three parts", "those of the original sets",
            "cat images.zip_aa images.zip_ab images.zip_ac > images.zip, and unpack it in mmpr/",
        ),
    )  # fmt: skip

    def __init__(
        self,
        file: str = "",  # meta.json in the data folder; "" is mmpr/meta.json
        image_folder: str = "",  # in front of every image's name; "" is the set's own root
        limit: int | None = None,  # that many pairs, a uniform subsample by seed
        skip_broken: bool = False,  # count broken rows instead of refusing the file
        sets: Names = (),  # names in meta.json; none: all of them
    ) -> None:
        super().__init__(file, image_folder, limit, skip_broken)
        self.options |= {"sets": list(sets)}

    def rows(self, data: Data) -> Iterator[Row]:
        name = self.options["file"]
        meta = parse_json(data.read_text(name), name)
        if not isinstance(meta, dict) or not all(map(_is_set, meta.values())):
            raise DataError(
                f"{name} must map each set to an object with 'annotation' and 'root', paths in the data folder without '..'."
            )
        wanted = self.options["sets"] or list(meta)
        if unknown := [one for one in wanted if one not in meta]:
            raise ConfigError(f"mmpr.sets: {name} has no set {unknown[0]!r}.{did_you_mean(unknown[0], meta)}")
        for one in wanted:
            root = _beside(data, name, meta[one].get("root") or "")
            file = _beside(data, name, meta[one]["annotation"])
            for number, row in enumerate(table_rows(data, file), start=1):
                yield {**row, "_set": one, "_root": root, "_place": f"{one}: {file}, row {number}"}

    def id_of(self, row: Row, number: int) -> str:
        return f"{row['_set']}/{row.get('id', number)}"

    def place_of(self, row: Row, number: int) -> str:
        return str(row["_place"])

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        made = columns(row, name, "mmpr")
        root = "" if self.options["image_folder"] else row["_root"]
        image = together(tuple("/".join(filter(None, (root, one))) for one in made.images))
        return replace(made, image=image, meta={**made.meta, "set": row["_set"]})


def _is_set(value: object) -> bool:
    """Whether a value of meta.json names a set's files, inside the data folder."""
    if not isinstance(value, Mapping) or not value.get("annotation"):
        return False
    return all(isinstance(p, str) and ".." not in p.split("/") for p in (value["annotation"], value.get("root") or ""))


def _beside(data: Data, meta: str, path: str) -> str:
    """A path of meta.json in the data folder: as it stands, beside meta.json, or there without its first folder."""
    folder = meta.rpartition("/")[0]
    places = [place.strip("/") for place in (path, f"{folder}/{path}", f"{folder}/{path.partition('/')[2]}")]
    there = (place for place in places if place and (data.has(place) or is_folder(data.folder / place)))
    return next(there, places[-1])
