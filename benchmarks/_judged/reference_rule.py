"""Rating an answer against a reference by rules, on MMHal-Bench's 0-6 scale: exact, offline, the same on every machine.

It is not GPT-4: it reads COCO objects, yes and no, colours, numbers, sides and the reference's key words, nothing else.

- hallucination: an object that is neither among the image's objects nor in the reference is asserted; yes is answered
  for no; another colour, number, side or winner than the reference's; a false premise is taken up; another place.
- informativeness: the share of the reference's key words (those the question does not give away) that the answer has;
  for descriptions, averaged with the share of the image's objects that it names.

Without hallucination 6, 5, 4 or 3, with it 2, 1 or 0, falling with informativeness, as in MMHal-Bench's scale. A text without
an answer (nothing, the question again, words over and over, words that have nothing to do with question, image or reference, "I
cannot tell") is rated 0: only an answer can be free of hallucination, and random weights must not look better than a model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks._coco import vocabulary as _vocabulary
from benchmarks._coco.asserted_objects import Assertions, assertions
from benchmarks._judged.no_answer import no_answer
from benchmarks._text.colours import COLOURS
from benchmarks._text.singular import singularize
from harness.core.judging import Facts, Reply

_GRADES = ("not informative", "somewhat informative", "informative", "very informative")
_SIDES = frozenset({"left", "right", "center", "top", "bottom"})
_SAME = {"grey": "gray", "middle": "center", "centre": "center", "violet": "purple", "golden": "gold", "upper": "top"}
_SAME |= {"lower": "bottom", "single": "one", "couple": "two", "both": "two", "no": "zero", "none": "zero"}
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_IDLE = """
a an the is are was were be been am it its this that these those there here i you he she they we of in on at to from by
with and or but as for not no n't do does did can could has have had image picture photo scene show shows see seen than
visible appear appears thi ha doe wa which what who where how many"""
_YES_NO = re.compile(r"\s*(yes|no)\b", re.IGNORECASE)


def rate_by_reference(question: str, answer: str, facts: Facts) -> Reply:
    """Facts: "image_content", "gt_answer", "question_type". The raw text is what a language model would reply."""
    reference, kind = str(facts.get("gt_answer", "")), str(facts.get("question_type", ""))
    claims, truth = assertions(answer), assertions(reference)
    content = _nodes(facts.get("image_content", ()))
    if why := no_answer(question, answer, claims, truth):
        return Reply(0.0, "no answer", f"{why}\nRating: 0")
    faults = _faults(question, answer, claims, reference, truth, content, kind)
    share = _informativeness(question, claims, truth, content, kind)
    extra = len((set(claims.present) & content) - set(truth.present))
    rating = _rating(share, extra, bool(faults))
    why = "; ".join(faults) or "nothing false found"
    reading = f"{_grade(share)}, {'hallucination' if faults else 'no hallucination'}"
    return Reply(float(rating), reading, f"{why}; {share:.0%} of the reference's key facts.\nRating: {rating}")


def _faults(
    question: str,
    answer: str,
    claims: Assertions,
    reference: str,
    truth: Assertions,
    content: frozenset[str],
    kind: str,
) -> list[str]:
    known = content | set(truth.present)
    faults = [f"invented {node}" for node in claims.present if node not in known]
    if _opposed(answer, reference):
        faults.append("yes and no are confused")
    denied = [node for node in truth.absent if node not in content]
    if denied and claims.words and not claims.denies and not set(denied) & set(claims.absent) and not _YES_NO.match(reference):
        faults += [] if faults else [f"takes for granted that there is {denied[0]}"]
    faults += _wrong_values(claims, truth, question)
    if " than " in reference and _swapped(claims, truth):
        faults.append(f"{claims.present[0]} named for {truth.present[0]}")
    keys = _key_words(question, truth)
    if kind == "environment" and keys and claims.words and not keys & set(claims.words) and not claims.denies:
        faults.append("another place")
    return faults


def _informativeness(question: str, claims: Assertions, truth: Assertions, content: frozenset[str], kind: str) -> float:
    keys = _key_words(question, truth)
    spoken = {_SAME.get(word, word) for word in claims.words} | {_number(word) for word in claims.words}
    spoken |= {word for node in claims.present for word in node.split(" ")}
    if _swapped(claims, truth):
        spoken |= {_OPPOSITE[word] for word in spoken & _OPPOSITE.keys()}
    if "many" in question.lower():
        spoken |= _counts(claims)
    facts = len(keys & spoken) / len(keys) if keys else float(bool(claims.words))
    if truth.absent and not truth.present:
        facts = float(claims.denies)
    if kind != "holistic" or not content:
        return facts
    return (facts + len(content & set(claims.present)) / len(content)) / 2


def _nodes(objects: Sequence[str]) -> frozenset[str]:
    """The image's objects as COCO nodes; each entry may be any word or phrase of the vocabulary."""
    nodes = _vocabulary.chair().node_of
    named = {str(entry).strip().lower() for entry in objects}
    named |= {singularize(entry) for entry in named}
    return frozenset(nodes[entry] for entry in named if entry in nodes) | {
        node for entry in objects for node in assertions(str(entry)).present
    }


def _wrong_values(claims: Assertions, truth: Assertions, question: str) -> list[str]:
    """Colours, numbers and sides: wrong when the answer has some, the reference has some, and they share none."""
    faults = []
    asked = set(_normal(re.findall(r"[a-z]+", question.lower())))
    for name, values in (("colour", COLOURS), ("number", frozenset(_NUMBERS[2:])), ("side", _SIDES)):
        theirs, ours = _values(truth, values), _values(claims, values)
        if name == "side" and _swapped(claims, truth):
            ours = {_OPPOSITE.get(side, side) for side in ours}
        if name == "number" and ("many" in asked or "number" in asked):
            theirs, ours = _counts(truth), _counts(claims)
        if theirs and ours and not theirs & ours:
            faults.append(f"{name} {', '.join(sorted(ours))} instead of {', '.join(sorted(theirs))}")
    return faults


def _swapped(claims: Assertions, truth: Assertions) -> bool:
    """The answer starts with the reference's second object: "the cat is left of the dog" for "the dog is right of the cat"."""
    return len(truth.present) > 1 and claims.present[:1] == truth.present[1:2]


def _values(text: Assertions, values: frozenset[str]) -> set[str]:
    return {word for word in _normal(text.words) if word in values}


def _counts(text: Assertions) -> set[str]:
    """Number words of an answer to "how many"; "a" and "an" count as one where there is no other number."""
    found = _values(text, frozenset(_NUMBERS))
    return found or ({"one"} if {"a", "an"} & set(text.words) else set())


def _normal(words: Sequence[str]) -> list[str]:
    return [_SAME.get(word, _number(word)) for word in words]


def _number(word: str) -> str:
    return _NUMBERS[int(word)] if word.isascii() and word.isdigit() and int(word) < len(_NUMBERS) else word


def _key_words(question: str, truth: Assertions) -> set[str]:
    """The reference's content words that are not in the question."""
    given = {singularize(word) for word in re.findall(r"\w+", question.lower())}
    idle = set(_IDLE.split())
    telling = {word for word in _normal(truth.words) if word not in idle and any(c.isalnum() for c in word)}
    if telling - given:
        return telling - given
    # "Is the dog left or right?", "Which is larger, the dog or the couch?": the answer chooses among the question's words
    chosen = telling & (COLOURS | _SIDES | set(_NUMBERS))
    return chosen or set(" ".join(truth.present[:1]).split()) or telling


def _opposed(answer: str, reference: str) -> bool:
    given, right = _YES_NO.match(answer), _YES_NO.match(reference)
    return bool(given and right and given[1].lower() != right[1].lower())


def _rating(share: float, extra: int, hallucinates: bool) -> int:
    if hallucinates:
        return 2 if share >= 0.6 else 1 if share >= 0.3 else 0
    if share >= 0.9:
        return 6 if extra >= 1 else 5
    return 5 if share >= 0.6 else 4 if share >= 0.3 else 3


def _grade(share: float) -> str:
    return _GRADES[3 if share >= 0.9 else 2 if share >= 0.6 else 1 if share >= 0.3 else 0]
