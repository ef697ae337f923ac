"""An answer as sentences, and where to cut them: the text side of diverge-and-rejoin.

What the study leaves open is an option here: the splitter, the unit of a cut, the yes/no rule.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from harness.core.edge.nltk_import import punkt

CUT_UNITS = ("word", "character")
YES_NO_RULES = {
    # the printed expression has no word boundary, so it also fires on "Not", "Now", "Notably", "Nobody"
    "printed": re.compile(r"^[\s]*(Yes|yes|No|no)"),
    "word": re.compile(r"^[\s]*(Yes|yes|No|no)\b"),
}
_SWAP = {"Yes": "No", "yes": "no", "No": "Yes", "no": "yes"}
PUNKT = "punkt"
_EXPRESSIONS = {
    # a stop that ends a word and is followed by space or the end, so that "3.5" stays whole
    "stop_and_space": re.compile(r"\s*\S.*?(?:[.!?]+(?=\s|$)|$)", re.DOTALL),
    # any full stop, as the generated half ends at the first one
    "full_stop": re.compile(r"\s*\S[^.]*(?:\.|$)", re.DOTALL),
    "line": re.compile(r"\s*\S[^\n]*"),
}
SPLITTERS = (*_EXPRESSIONS, PUNKT)  # punkt: trained on text, so that "Mr." and "e.g." end no sentence


@dataclass(frozen=True, slots=True)
class Sentence:
    """`before` is all of the answer up to here; `lead` the white space between; before + lead + text is a prefix."""

    before: str
    lead: str
    text: str


def split(answer: str, splitter: str = "stop_and_space") -> list[Sentence]:
    """Sentences of an answer, in order; white space at the very end is dropped."""
    sentences = []
    for first, end in _spans(answer, splitter):
        text = answer[first:end].strip()
        start = end - len(answer[first:end].lstrip())
        before = answer[:first].rstrip()
        sentences.append(Sentence(before, answer[len(before) : start], text))
    return sentences


def _spans(answer: str, splitter: str) -> list[tuple[int, int]]:
    if splitter == PUNKT:
        return [(start, end) for start, end in punkt().span_tokenize(answer)]
    return [match.span() for match in _EXPRESSIONS[splitter].finditer(answer)]


def swap_yes_no(sentence: str, draw: random.Random, rule: str = "word") -> str:
    """With probability one half turn an opening yes into a no and the reverse; other sentences stay."""
    swapped = swap_opening(sentence, rule)
    return swapped if swapped != sentence and draw.random() >= 0.5 else sentence


def swap_opening(sentence: str, rule: str = "word") -> str:
    """The sentence with its opening yes or no turned round; without one, as it is."""
    match = YES_NO_RULES[rule].match(sentence)
    if match is None:
        return sentence
    return sentence[: match.start(1)] + _SWAP[match.group(1)] + sentence[match.end(1) :]


def random_head(sentence: str, draw: random.Random, unit: str = "word") -> str:
    """The beginning that is kept: cut uniformly at one of the n + 1 boundaries of n units, without the final stop.

    0 units keep nothing; n units leave the model only the end of the sentence, as one cut of the study's figure 2.
    """
    body = sentence.rstrip(".!?")
    words = (match.end() for match in re.finditer(r"\S+", body))
    ends = range(1, len(body) + 1) if unit == "character" else words
    return body[: draw.choice([0, *ends])].rstrip()


def rejoin(so_far: str, lead: str, head: str, completion: str) -> str:
    """The corrupted answer so far plus one more sentence; the model's own white space wins over the old one."""
    if not head:
        head, completion = "", completion.lstrip() if not so_far or lead else completion
    return so_far + (lead if so_far else "") + head + completion.rstrip()
