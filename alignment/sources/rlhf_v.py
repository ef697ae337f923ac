"""RLHF-V: human-corrected answers against the models' own, 5,733 rows.

Yu et al. 2023, arXiv:2312.00849; openbmb/RLHF-V-Dataset (CC BY-NC 4.0), exported to JSON with image files. Plain pairs:
the segment-level weights of the original training are not used, as in the study.
"""

from __future__ import annotations

import json

from alignment.data.published_datasets import Published, Row, image_of, make_pair, origin_name, text_of
from harness.core import registry
from harness.core.capabilities import OfficialFile
from harness.core.preference import PreferencePair

_EXPORT = OfficialFile(
    "rlhf_v/RLHF-V-Dataset.json",
    "openbmb/RLHF-V-Dataset on the Hugging Face hub",
    "CC BY-NC 4.0",
    "export its parquet files to JSON, the images beside it under the names in the rows",
)


@registry.source
class RlhfV(Published):
    """`text` is a JSON text of its own, with question, chosen and rejected."""

    default_file = "rlhf_v/RLHF-V-Dataset.json"
    files = (_EXPORT,)

    def id_of(self, row: Row, number: int) -> str:
        return origin_name(row, number)

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        inner = row.get("text")
        texts = json.loads(inner) if isinstance(inner, str) else inner  # a broken text raises ValueError
        if not isinstance(texts, dict):
            raise ValueError("'text' must hold question, chosen and rejected")
        image = image_of(row, "image", "image_path")
        question, chosen, rejected = (text_of(texts, key) for key in ("question", "chosen", "rejected"))
        return make_pair(name, image, question, chosen, rejected, "rlhf_v", origin=row.get("origin_dataset"))
