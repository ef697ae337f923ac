"""HA-DPO: descriptions and yes/no answers of a model, corrected by GPT-4 against Visual Genome's annotations.

Zhao et al. 2023, arXiv:2311.16839. Two files a model: `desc_data.json` maps an image to lists of chosen and rejected
descriptions (one pair drawn per image by seed, or all of the cross product), asked by one of four wordings;
`pope_data.json` holds questions, of which those answered right are left out. Images are Visual Genome's, by number, in
the folders VG_100K and VG_100K_2 as its archives unpack, or all in one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from typing import Any

from alignment.data.forms.kinds import flag, image_number
from alignment.data.published_datasets import LeftOut, Published, Row, lost_answers, make_pair, read_rows, text_of
from harness.core import registry
from harness.core.capabilities import OfficialFile
from harness.core.digests import seed_of
from harness.core.edge.files import parse_json
from harness.core.errors import ConfigError, DataError
from harness.core.plugins import Data
from harness.core.preference import PreferencePair

_HUB = "juliozhao/hadpo-data on the Hugging Face hub, folder hadpo/llava-v1.5 or that of your model"
_FILES = ("desc_data.json", "pope_data.json")
_GENOME = "https://cs.stanford.edu/people/rak248/VG_100K_2"
_SIDES = ("chosen", "rejected")
PARTS = ("both", "desc", "pope")
QUESTIONS = (  # the wordings of the authors' data code
    "Describe this image in detail.",
    "Take a look at this image and describe what you notice.",
    "Please provide a detailed description of the picture.",
    "Could you describe the contents of this image for me?",
)


@registry.source
class HaDpo(Published):
    """Both files, or one of them; `file` is the folder that holds them."""

    default_file = "ha_dpo"
    files = (
        *(OfficialFile(f"ha_dpo/{name}", _HUB, "Apache-2.0", f"copy {name}") for name in _FILES),
        OfficialFile(
            "vg/VG_100K",
            "Visual Genome images, part 1",
            "CC BY 4.0",
            "unpack images.zip in vg/",
            url=f"{_GENOME}/images.zip",
            member="VG_100K/",
        ),
        OfficialFile(
            "vg/VG_100K_2",
            "Visual Genome images, part 2",
            "CC BY 4.0",
            "unpack images2.zip in vg/",
            url=f"{_GENOME}/images2.zip",
            member="VG_100K_2/",
        ),
    )

    def __init__(
        self,
        file: str = "",  # folder of the two files in the data folder; "" is ha_dpo
        image_folder: str = "vg",  # in front of every image's name
        limit: int | None = None,  # that many pairs, a uniform subsample by seed
        skip_broken: bool = False,  # count broken rows instead of refusing the file
        part: str = "both",  # both, desc or pope
        all_pairs: bool = False,  # the cross product of an image's descriptions
    ) -> None:
        if part not in PARTS:
            raise ConfigError(f"ha_dpo.part is {part!r}; choose one of {', '.join(PARTS)}.")
        super().__init__(file, image_folder, limit, skip_broken)
        self.options |= {"part": part, "all_pairs": all_pairs}

    def rows(self, data: Data) -> Iterator[Row]:
        folder, part = self.options["file"], self.options["part"]
        if part in ("both", "desc"):
            yield from self._descriptions(data, f"{folder}/desc_data.json")
        if part in ("both", "pope"):
            file = f"{folder}/pope_data.json"
            for number, row in enumerate(read_rows(data, file), start=1):
                yield {**row, "_part": "pope", "_place": f"{file}, row {number}"}

    def id_of(self, row: Row, number: int) -> str:
        return f"{row['_part']}/row-{number}"

    def place_of(self, row: Row, number: int) -> str:
        return str(row["_place"])

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        image = f"{image_number(row, 'image_id')}.jpg"
        if row["_part"] == "pope":
            if flag(row, "correct"):
                raise LeftOut("answered right")
            both = text_of(row, "chosen"), text_of(row, "reject")  # the key has no -ed here
            return make_pair(name, image, text_of(row, "question"), *both, "ha_dpo")
        draw = random.Random(seed_of(seed, name.rpartition("/")[2], "ha_dpo"))
        texts = {key: _texts(row, key) for key in _SIDES}
        lost = sum(len(row[key]) - len(texts[key]) for key in _SIDES)
        chosen, rejected = (draw.choice(texts[key]) for key in _SIDES)
        return make_pair(name, image, draw.choice(QUESTIONS), chosen, rejected, "ha_dpo", **lost_answers(lost))

    def _descriptions(self, data: Data, name: str) -> Iterator[Row]:
        images = parse_json(data.read_text(name), name)
        if not isinstance(images, dict):
            raise DataError(f"{name} must map image ids to chosen and rejected descriptions.")
        for image_id, sides in images.items():
            sides = sides if isinstance(sides, dict) else {}
            row = {"image_id": image_id, "_part": "desc", "_place": f"{name}, image {image_id[:80]}"}
            both: dict[str, Any] = {side: sides.get(side) for side in _SIDES}
            if self.options["all_pairs"] and all(texts and isinstance(texts, list) for texts in both.values()):
                for chosen, rejected in product(both["chosen"], both["rejected"]):
                    yield {**row, "chosen": [chosen], "rejected": [rejected]}
            else:
                yield {**row, **both}  # one pair, or a broken row


def _texts(row: Row, key: str) -> list[str]:
    """The texts that a side has; what is no text, or empty, costs itself and not its image."""
    texts = row.get(key)
    usable = [text.strip() for text in texts if isinstance(text, str) and text.strip()] if isinstance(texts, list) else []
    if not usable:
        raise ValueError(f"{key!r} must be a list of texts")
    return usable
