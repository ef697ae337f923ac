"""What the keywords judge does for the other judged benchmarks: the same rules, each reply in that benchmark's form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks._coco.asserted_objects import Assertions
from benchmarks._text.vqa_answers import normalise

Reader = Callable[[str], Assertions]
Reply = tuple[float, str, str]  # value, reading, raw


def compare(answer: str, facts: Mapping[str, Any], read: Reader) -> Reply:
    """LLaVA-Bench: the reference gets 10; the model 1 to 10 by its share of the reference's words, 3 less for each
    object that neither the description nor the reference has."""
    reference, context, said = (read(str(text)) for text in (facts["reference"], facts["context"], answer))
    wanted = _telling(reference)
    share = len(wanted & _telling(said)) / len(wanted) if wanted else 0.0
    invented = [node for node in said.present if node not in {*reference.present, *context.present}]
    score = max(1.0, min(10.0, round(1 + 9 * share - 3 * len(invented), 1)))
    pair = (score, 10.0) if facts.get("swapped") else (10.0, score)
    why = f"{share:.0%} of the reference's words; invented: {', '.join(invented) or 'nothing'}"
    return score, why, f"{pair[0]:g} {pair[1]:g}\n{why}"


def grade(answer: str, facts: Mapping[str, Any], read: Reader) -> Reply:
    """MM-Vet: of the parts joined by <AND>, the share whose words all stand in the answer; the best of those joined by <OR>."""
    words = set(normalise(answer).split())

    def share(alternative: str) -> float:
        parts = [set(normalise(part).split()) for part in alternative.split("<AND>")]
        return sum(bool(part) and part <= words for part in parts) / len(parts)

    best = max(share(alternative) for alternative in str(facts["reference"]).split("<OR>"))
    return best, "", f"{best:.1f}"


def objects(answer: str, facts: Mapping[str, Any], read: Reader) -> Reply:
    """Object HalBench: the COCO objects that the answer asserts, as a JSON list; what it denies is left out."""
    present = list(read(answer).present)
    return float(len(present)), "", json.dumps(present)


def _telling(text: Assertions) -> set[str]:
    return {word for word in text.words if len(word) > 2 and re.fullmatch(r"\w+", word)}


OTHER_TASKS: Mapping[str, Callable[[str, Mapping[str, Any], Reader], Reply]] = {
    "llava_bench": compare,
    "mmvet": grade,
    "objects": objects,
}
