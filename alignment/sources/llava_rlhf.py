"""LLaVA-RLHF: two LLaVA answers, people say which hallucinates less, 9,422 rows.

Sun et al. 2023, arXiv:2309.14525; zhiqings/LLaVA-Human-Preference-10K; images are COCO. Rows with earlier turns or
a system prompt are left out, since a pair holds one turn.
"""

from __future__ import annotations

from collections.abc import Mapping

from alignment.data.published_datasets import Published, Row, image_of, make_pair, question_of, text_of, turns_of
from alignment.data.source_files import TRAIN_IMAGES, hub_file
from harness.core import registry
from harness.core.edge.text import shown
from harness.core.preference import PreferencePair


@registry.source
class LlavaRlhf(Published):
    """`preference` says whether `output_1` or `output_2` is chosen."""

    default_file = "llava_rlhf/llava_7b_v1_preference.json"
    files = (hub_file(default_file, "zhiqings/LLaVA-Human-Preference-10K", "Apache-2.0"), TRAIN_IMAGES)

    def pair(self, row: Row, name: str, seed: int) -> PreferencePair:
        turns = turns_of(row, "conversations")
        if turns[-1][0] != "human":
            raise ValueError("'conversations' must end with 'human'")
        question = question_of(turns)
        preference = row.get("preference")
        if isinstance(preference, bool) or preference not in (1, 2):
            raise ValueError(f"'preference' must be 1 or 2, not {shown(preference)}")
        first, second = (_value(row, f"output_{n}") for n in (1, 2))
        chosen, rejected = (first, second) if preference == 1 else (second, first)
        return make_pair(name, image_of(row, "image"), question, chosen, rejected, "llava_rlhf")


def _value(row: Row, key: str) -> str:
    output = row.get(key)
    if not isinstance(output, Mapping):
        raise ValueError(f"{key!r} must be an object with 'value'")
    return text_of(output, "value")
