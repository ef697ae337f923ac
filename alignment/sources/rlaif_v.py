"""RLAIF-V: pairs of model answers ranked by open models, claim by claim, 83,132 rows.

Yu et al. 2024, arXiv:2405.17220; openbmb/RLAIF-V-Dataset (CC BY-NC 4.0), exported to JSON with image files. The optional
column `logps` belongs to another reference model and is not read.
"""

from __future__ import annotations

from alignment.data.published_datasets import Published, Row, image_of, make_pair, origin_name, text_of
from harness.core import registry
from harness.core.capabilities import OfficialFile
from harness.core.preference import PreferencePair

_EXPORT = OfficialFile(
    "rlaif_v/RLAIF-V-Dataset.json",
    "openbmb/RLAIF-V-Dataset on the Hugging Face hub",
    "CC BY-NC 4.0",
    "export its parquet files to JSON, the images beside it under the names in the rows",
)


@registry.source
class RlaifV(Published):
    """Question, chosen and rejected stand in the row."""

    default_file = "rlaif_v/RLAIF-V-Dataset.json"
    files = (_EXPORT,)

    def id_of(self, row: Row, number: int) -> str:
        return origin_name(row, number)

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        image = image_of(row, "image", "image_path")
        question, chosen, rejected = (text_of(row, key) for key in ("question", "chosen", "rejected"))
        return make_pair(name, image, question, chosen, rejected, "rlaif_v")
