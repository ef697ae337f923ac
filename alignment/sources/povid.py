"""POVID: LLaVA-Instruct answers against GPT-4V's corruptions of them, 17,184 rows.

Zhou et al. 2024, arXiv:2402.11411; YiyangAiLab/POVID_preference_data_for_VLLMs (CC-BY-4.0); images are COCO train2014.
The last answer of each conversation counts; rows with earlier turns are left out, since a pair holds one turn.
"""

from __future__ import annotations

from alignment.data.published_datasets import EARLIER_TURNS, LeftOut, Published, Row, image_of, make_pair, turns_of
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
        questions = [text for speaker, text in chosen if speaker == "human"]
        if len(questions) != 1:
            raise LeftOut(EARLIER_TURNS)
        return make_pair(name, image_of(row, "image"), questions[0], chosen[-1][1], rejected[-1][1], "povid")
