"""HSA-DPO: LLaVA-1.5 answers rewritten sentence by sentence where a detector found hallucinations, 8,386 pairs.

Xiao et al. 2024, arXiv:2404.14233; WenyiXiao/HSA-DPO. Images are named by the row's id ("17.jpg" in hsa_dpo_imgs.tar.gz). The
severity scores weigh HSA-DPO's own loss; they are kept in `meta` and not used.
"""

from __future__ import annotations

from alignment.data.forms.kinds import image_number
from alignment.data.forms.tools import one_question
from alignment.data.published_datasets import Published, Row, make_pair, text_of
from alignment.data.source_files import hub_file
from harness.core import registry
from harness.core.capabilities import OfficialFile
from harness.core.edge.text import shown
from harness.core.preference import PreferencePair

_SET = "WenyiXiao/HSA-DPO"


@registry.source
class HsaDpo(Published):
    """Question, chosen and rejected stand in the row; the image is its id, or named by `image`."""

    default_file = "hsa_dpo/hsa_dpo_preference_llava1dot5.jsonl"
    files = (
        hub_file(default_file, _SET, "see the dataset card"),
        OfficialFile("hsa_dpo/images", f"{_SET} on the Hugging Face hub", "see the dataset card",
                     "tar -xzf hsa_dpo_imgs.tar.gz -C hsa_dpo/images"),
    )  # fmt: skip

    def __init__(
        self,
        file: str = "",  # in the data folder; "" is the data set's own name for it
        image_folder: str = "hsa_dpo/images",  # in front of every image's name
        limit: int | None = None,  # that many pairs, a uniform subsample by seed
        skip_broken: bool = False,  # count broken rows instead of refusing the file
    ) -> None:
        super().__init__(file, image_folder, limit, skip_broken)

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        image = row.get("image") or f"{image_number(row, 'id')}.jpg"
        if not isinstance(image, str):
            raise ValueError(f"'image' must be a name, not {shown(image, 40)}")
        prompt = one_question(row)
        scores = {key: row[key] for key in ("chosen_score", "rejected_score") if isinstance(row.get(key), (int, float))}
        return make_pair(name, image, prompt, text_of(row, "chosen"), text_of(row, "rejected"), "hsa_dpo", **scores)
