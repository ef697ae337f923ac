"""MM-RLHF: answers ranked by people, pairs of all of them, images and videos.

Zhang et al. 2025, arXiv:2502.10391; yifanzhang114/MM-RLHF, `dpo_pairs.jsonl`: {"prompt", "chosen", "rejected", "image" or
"video"}, and in some rows `is_tie`, `ls_factor` (the pair's weight), reasons and log-probabilities of the authors' reference.
Videos, ties and pairs of weight 0 are left out and counted. Departure: all other pairs count the same, since no loss here takes
weights; the run and its report say how many have one. Reasons and log-probabilities are not read.
"""

from __future__ import annotations

from alignment.data.forms.tools import columns
from alignment.data.published_datasets import Published, Row
from alignment.data.source_files import hub_file
from harness.core import registry
from harness.core.capabilities import OfficialFile
from harness.core.preference import PreferencePair

_IMAGES = tuple(
    OfficialFile(
        f"mm_rlhf/{part}", "yifanzhang114/MM-RLHF on the Hugging Face hub", "see the dataset card",
        f"unpack {part}.zip in mm_rlhf/",
        url=f"https://huggingface.co/datasets/yifanzhang114/MM-RLHF/resolve/main/{part}.zip", member=f"{part}/",
    )
    for part in ("short", "long", "mcq", "safety")
)  # fmt: skip


@registry.source
class MmRlhf(Published):
    """Prompt, chosen and rejected stand in the row."""

    default_file = "mm_rlhf/dpo_pairs.jsonl"
    files = (hub_file(default_file, "yifanzhang114/MM-RLHF", "see the dataset card"), *_IMAGES)

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        return columns(row, name, "mm_rlhf")
