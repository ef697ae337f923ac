"""SENTINEL: sentences behind a context, the policy's own, checked by two detectors; 8,600 for LLaVA-1.5-7B.

Peng et al. 2025, arXiv:2507.12455; psp-dada/SENTINEL (Apache-2.0), the file `<model>_data_pair.jsonl` of the authors' pipeline:

    {"image_path": "VG_100K/2315278.jpg", "question": "Describe this image in detail.", "context": "A street.", "y_win": "Cars
    are
     parked.", "y_lose": "An elephant stands in the road."}

Images are Visual Genome's. The context is given and not trained on; see docs/pair_files.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from alignment.data.forms.kinds import optional_text, weight_meta
from alignment.data.forms.tables import table_rows
from alignment.data.forms.tools import images_of
from alignment.data.published_datasets import Published, Row, make_pair, text_of
from harness.core import registry
from harness.core.capabilities import OfficialFile
from harness.core.plugins import Data
from harness.core.preference import PreferencePair


@registry.source
class Sentinel(Published):
    """`y_win` is chosen, `y_lose` rejected, behind `context`."""

    default_file = "sentinel/data_pair.jsonl"
    files = (
        OfficialFile(
            default_file, "psp-dada/SENTINEL on the Hugging Face hub", "Apache-2.0",
            "copy your model's <model>_data_pair.jsonl under this name",
        ),
    )  # fmt: skip

    def rows(self, data: Data) -> Iterator[Row]:
        yield from table_rows(data, self.options["file"])

    def id_of(self, row: Row, number: int) -> str:
        return f"row-{number}"  # `image_id` repeats, one row a sentence

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        prompt = text_of(row, "question")
        image = images_of(row, prompt, "image_path", "image")
        made = make_pair(name, image, prompt, text_of(row, "y_win"), text_of(row, "y_lose"), "sentinel")
        return replace(made, context=optional_text(row, "context"), meta=weight_meta(row))
