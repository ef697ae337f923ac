"""Rules that recognise a text without an answer: empty, the question again, repetition, off topic, "I cannot tell"."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from benchmarks._coco.asserted_objects import Assertions

_WORD = re.compile(r"[^\W_]+")
_ABSTAINS = re.compile(
    r"\b(?:can ?not|can['\u2019]t|could not|unable to|not able to|do not|don['\u2019]t|hard to|impossible to|difficult to)\s+"
    r"(?:really\s+)?(?:tell|say|answer|determine|know|judge|identify|view|see the image|see images|provide|assist|help)\b"
    r"|\bnot sure\b|\bno idea\b|\bas an ai\b|\bunclear\b|\bunknown\b",
    re.IGNORECASE,
)
_IDLE_WORDS = """a an the is are was were be been am it its this that these those there here i you he she they we of in on at to
from by with and or but as for do does did can could has have had which what who where how many when why will would should image
picture photo scene show shows see seen visible than"""
_DECIDING_WORDS = """yes no not none zero one two three four five six seven eight nine ten red green blue yellow orange purple
pink brown black white gray grey beige gold left right center centre middle top bottom upper lower"""
_IDLE, _DECIDES = frozenset(_IDLE_WORDS.split()), frozenset(_DECIDING_WORDS.split())
_FEWEST, _SHARE = 8, 0.35  # words from which on repetition is detected; distinct ones among them
_EXTRA = 2  # words beside the question's own that do not make it an answer


def no_answer(question: str, answer: str, claims: Assertions, truth: Assertions) -> str:
    """Why the text is not an answer to the question, else "". `claims`, `truth`: what answer and reference assert."""
    words, asked = _words(answer), _words(question)
    if not words:
        return "an empty answer"
    if _repeats(words):
        return "the same words over and over"
    if _copies(words, asked):
        return "the question again"
    if _ABSTAINS.search(answer) and not claims.present and not claims.absent:
        return "it does not answer"
    return "" if _on_topic(words, asked, claims, truth) else "words that have nothing to do with the question"


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _repeats(words: list[str]) -> bool:
    if len(words) < _FEWEST:
        return len(words) > 2 and len(set(words)) == 1
    pairs = Counter(pairwise(words))
    return len(set(words)) < _SHARE * len(words) or 2 * pairs.most_common(1)[0][1] > len(words) - 1 > 2


def _copies(words: list[str], asked: list[str]) -> bool:
    if len(asked) < 3 or len(words) < len(asked):
        return False
    places = range(len(words) - len(asked) + 1)
    return len(words) - len(asked) <= _EXTRA and any(words[i : i + len(asked)] == asked for i in places)


def _on_topic(words: list[str], asked: list[str], claims: Assertions, truth: Assertions) -> bool:
    """It names an object, decides something, or shares an informative word with the question or the reference."""
    found = set(words)
    shared = (set(asked) | set(_words(" ".join(truth.words)))) - _IDLE
    singular = set(claims.words) - _IDLE
    decides = found & _DECIDES or any(word.isdigit() for word in found)
    return bool(claims.present or claims.absent or claims.denies or decides or (found | singular) & shared)
