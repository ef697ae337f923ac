"""HA-DPO: descriptions and yes/no answers of a model, corrected by GPT-4 against Visual Genome's annotations.

Zhao et al. 2023, arXiv:2311.16839. Two files a model: `desc_data.json` maps an image to lists of chosen and rejected
descriptions (one pair drawn per image by seed, or all of the cross product), asked by one of four wordings;
`pope_data.json` holds questions, of which those answered right are left out. Images are Visual Genome's, by number, in
the folders VG_100K and VG_100K_2 as its archives unpack, or all in one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from alignment.data.published_datasets import LeftOut, Published, Row, make_pair, read_rows, text_of
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
            yield from read_rows(data, f"{folder}/pope_data.json")

    def id_of(self, row: Row, number: int) -> str:
        return f"{'pope' if 'question' in row else 'desc'}/row-{number}"

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        number = row.get("image_id")
        image = f"{int(number) if isinstance(number, float) and number.is_integer() else number}.jpg"
        if "question" in row:
            if row.get("correct"):
                raise LeftOut("answered right")
            texts = text_of(row, "chosen"), text_of(row, "reject")  # the key has no -ed here
            return make_pair(name, image, text_of(row, "question"), *texts, "ha_dpo")
        draw = random.Random(seed_of(seed, name.rpartition("/")[2], "ha_dpo"))
        chosen, rejected = (_draw(row, key, draw) for key in ("chosen", "rejected"))
        return make_pair(name, image, draw.choice(QUESTIONS), chosen, rejected, "ha_dpo")

    def _descriptions(self, data: Data, name: str) -> Iterator[Row]:
        images = parse_json(data.read_text(name), name)
        if not isinstance(images, dict):
            raise DataError(f"{name} must map image ids to chosen and rejected descriptions.")
        for image_id, sides in images.items():
            sides = sides if isinstance(sides, dict) else {}
            if not self.options["all_pairs"]:
                yield {"image_id": image_id, **sides}
                continue
            for chosen in sides.get("chosen", ()):
                for rejected in sides.get("rejected", ()):
                    yield {"image_id": image_id, "chosen": [chosen], "rejected": [rejected]}


def _draw(row: Row, key: str, draw: random.Random) -> str:
    """One of the texts that a side has; what is no text, or empty, costs itself and not its image."""
    texts = row.get(key)
    usable = [text for text in texts if isinstance(text, str) and text.strip()] if isinstance(texts, list) else []
    if not usable:
        raise ValueError(f"{key!r} must be a list of texts")
    return draw.choice(usable).strip()
