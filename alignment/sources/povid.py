"""POVID: LLaVA-Instruct answers against GPT-4V's corruptions of them, 17,184 rows.

Zhou et al. 2024, arXiv:2402.11411; YiyangAiLab/POVID_preference_data_for_VLLMs (CC-BY-4.0); images are COCO train2014.
Rows with earlier turns or a system prompt are left out, since a pair holds one turn, and so are those whose two conversations
ask otherwise.
"""

from __future__ import annotations

from alignment.data.published_datasets import Published, Row, image_of, make_pair, question_of, require_same_turns, turns_of
from alignment.data.source_files import TRAIN_IMAGES, hub_file
from harness.core import registry
from harness.core.preference import PreferencePair


@registry.source
class Povid(Published):
    """`conversations` is chosen, `rejected_conversations` is rejected."""

    default_file = "povid/POVID_preference_data_for_VLLMs.json"
    files = (hub_file(default_file, "YiyangAiLab/POVID_preference_data_for_VLLMs", "CC BY 4.0", confirmed=False), TRAIN_IMAGES)

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        chosen, rejected = turns_of(row, "conversations"), turns_of(row, "rejected_conversations")
        if chosen[-1][0] != "gpt" or rejected[-1][0] != "gpt":
            raise ValueError("a conversation must end with 'gpt'")
        question = question_of(chosen[:-1])
        require_same_turns(chosen[:-1], rejected[:-1])
        return make_pair(name, image_of(row, "image"), question, chosen[-1][1], rejected[-1][1], "povid")
