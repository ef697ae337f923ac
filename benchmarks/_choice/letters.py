"""Ways in circulation to read a free answer as one of the option letters; they differ, so a result names the one it used.

A reader gets the answer and the options, {letter: text}, and gives a letter, "" where it reads none, or "Z" where it reads a
refusal. The readers are exact copies in behaviour, slips included: "Because" is B to MMStar's official rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Options = Mapping[str, str]
Reader = Callable[[str, Options], str]
REFUSED = "Z"


def mmstar_official(answer: str, options: Options) -> str:
    """MMStar's eval/vlmeval/evaluate/mmstar.py: lower case, stripped; the first character, the one after "(", after "option "
    or after "the answer is "."""
    text = answer.lower().strip().replace("\n", " ")
    first = text[:1].upper()
    if first in options:
        return first
    for start in ("(", "option ", "the answer is "):
        letter = text[len(start) : len(start) + 1].upper()
        if text.startswith(start) and letter in options:
            return letter
    return ""


# ---------------------------------------------------------------- lmms-eval, mcq_extract.py of 2026-04-11

_ENDS = (",", ".", "!", "?", ";", ":", "'", '"')  # each taken off both ends once, in this order
_PHRASES = tuple(
    [f"{the}{word} is" for the in ("", "the ", "my ") for word in ("answer", "choice")]
    + [f"{the}{best} {word} is" for the in ("", "the ") for best in ("correct", "best") for word in ("answer", "option")]
    + [f"{the}correct choice is" for the in ("", "the ")]
    + ["i choose", "i select", "i pick", "옵션", "정답은", "답은", "답:", "答案是", "答案为", "选", "答えは"]
)
_MARKED = (("({})", 6), ("{}.", 5), ("{}:", 4), ("{})", 3), ("{} ", 2))  # form of a letter, rank of the form
_START, _END, _PHRASE, _ANYWHERE = 10, 9, 7, 0


def lmms_eval(answer: str, options: Options) -> str:
    """lmms-eval's extract_mcq_answer: capital letters alone; the best form of a letter wins, of one form the last."""
    if not answer.strip():
        return ""
    core = answer.strip()
    for mark in _ENDS:
        core = core.strip(mark)
    text = f" {core} "
    core = text.strip()
    found = [(rank, text.rfind(form.format(c)), c) for c in options for form, rank in _MARKED if form.format(c) in text]
    found += [(_PHRASE, place, c) for after in _after_phrases(text) for c in options if (place := text.find(c, after)) >= 0]
    found += [(_START, 0, c) for c in options if core.startswith(c) and not core[1:2].isalpha()]
    found += [(_END, len(text) - 1, c) for c in options if core.endswith(c) and not core[-2:-1].isalpha()]
    found = found or [(_ANYWHERE, text.rfind(c), c) for c in options if c in text]
    return max(found, key=lambda one: one[:2], default=(0, 0, ""))[2]


def _after_phrases(text: str) -> list[int]:
    """Where the first of each phrase ends."""
    lowered = text.lower()
    return [place + len(phrase) for phrase in _PHRASES if (place := lowered.find(phrase)) >= 0]


# ---------------------------------------------------------------- VLMEvalKit, can_infer

_REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
_FAILED = "Failed to obtain answer via API"
_SPACED = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_LAST_WORDS = 5  # the letter must be among them
_ANSWER_IS = re.compile(r"answer\s+is\s+([A-Z])\b", re.IGNORECASE)


def vlmevalkit(answer: str, options: Options) -> str:
    """VLMEvalKit's can_infer, exact matching without a judge model: a single option letter among the last words, else the first
    "answer is B", else the one option whose text stands in the answer."""
    return _letter_among_words(answer, options) or _stated(answer, options) or _text_of_an_option(answer, options)


def _letter_among_words(answer: str, options: Options) -> str:
    if _FAILED in answer:
        return ""
    if any(refusal in answer for refusal in _REFUSALS):
        return REFUSED
    words = answer.translate(_SPACED).split()
    named = [letter for letter in options if letter in words]
    if len(named) == 1 and words.index(named[0]) > len(words) - _LAST_WORDS:
        return named[0]
    return REFUSED if not named and REFUSED in words else ""


def _stated(answer: str, options: Options) -> str:
    stated = "" if _FAILED in answer else _ANSWER_IS.search(answer)
    letter = stated[1].upper() if stated else ""
    return letter if letter in options else ""


def _text_of_an_option(answer: str, options: Options) -> str:
    text = answer.lower()
    if len(text) > 2 * sum(len(option) for option in options.values()):
        return ""
    named = [letter for letter, option in options.items() if option.lower() in text]
    return named[0] if len(named) == 1 else ""


# ---------------------------------------------------------------- MMVP

_MMVP_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"^\s*\(?([AB])\)?\.?\s*$",
        r"^\s*\(?([AB])\)?[\.\s]",
        r"answer\s+is\s+\(?([AB])\)?",
        r"option\s+\(?([AB])\)?",
        r"\(?([AB])\)?(?:\s|$)",  # also the last letter of a word: "club"
    )
)
_BRACKETS_AND_SPACE = re.compile(r"[()\s]")
_SVCO_CHARACTERS = 4


def mmvp_lmms_eval(answer: str, options: Options) -> str:
    """lmms-eval's MMVP: five forms in order, any case, the first that is found; else the first character."""
    text = answer.strip()
    for form in _MMVP_FORMS:
        if found := form.search(text):
            return found[1].upper()
    first = text[:1].upper()
    return first if first in options else ""


def s_vco(answer: str, options: Options) -> str:
    """S-VCO's mmvp_rule_grader: stripped, lower case, then the first four characters; without brackets and white space they
    must be the letter."""
    text = _BRACKETS_AND_SPACE.sub("", answer.strip().lower()[:_SVCO_CHARACTERS])
    return text.upper() if len(text) == 1 and text.upper() in options else ""


# ---------------------------------------------------------------- NaturalBench

_NATURAL = {"yes": re.compile(r"\b(?:(yes)|no)\b", re.IGNORECASE), "A": re.compile(r"\b(?:(A)|B)\b", re.IGNORECASE)}


def first_word(answer: str, positive: str) -> int:
    """NaturalBench's extract_answer: 1 where the whole word `positive` ("yes" or "A") stands before its opposite, 0 the other
    way round, -1 where neither stands. The article "a" is an A."""
    found = _NATURAL[positive].search(answer)
    return -1 if found is None else int(found[1] is not None)  # any case: "Yeſ" is a yes, and lower case would not tell
