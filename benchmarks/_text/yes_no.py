"""Ways in circulation to read a free answer as yes or no; they differ, so a result names the one it used.

A rule reads every answer, also against what it plainly says: "**No**" has no piece that is exactly No, so the official rule
takes it for a yes. `contradicted` finds such answers, and reports count them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from benchmarks._text.yes_no_rules import Reading, vlmevalkit
from harness.core import flags

OFFICIAL_NO = frozenset({"No", "not", "no"})
OPERA_NO = OFFICIAL_NO | {"NO"}
_CLEAR = re.compile(r"\b(?P<yes>yes)\b|\b(?:no|not)\b|n['\u2019]t\b", re.IGNORECASE)
_OPENING = re.compile(r"[\W_]*(yes|no)\b", re.IGNORECASE)
_ANSWERED = re.compile(r"\b(yes|no)\b(?=[\W_]*$|\s*[.,;:!?/)*]|\s+(?:and|or)\b)", re.IGNORECASE)  # not "no dog"
_WORD = re.compile(r"[^\W_]+")


def official(answer: str) -> Reading:
    """AoiDragon/POPE evaluate.py (LLaVA's copy is the same): text before the first "." without commas, split at
    the space character; "no" if one piece is exactly No, not or no; everything else, even "", is "yes"."""
    words = answer.split(".", 1)[0].replace(",", "").split(" ")
    return "yes" if OFFICIAL_NO.isdisjoint(words) else "no"


def llava(answer: str) -> Reading:
    """The official rule on the answer without surrounding white space, as LLaVA's model_vqa_loader.py stores it.

    The official rule splits at the space character only, so that it reads "\\n\\nNo" and "No\\n" as yes.
    """
    return official(answer.strip())


def opera(answer: str) -> Reading:
    """shikiw/OPERA pope_eval.py: full stops and commas deleted (no first-sentence cut), also NO and words in n't."""
    words = answer.replace(".", "").replace(",", "").split(" ")
    negative = not OPERA_NO.isdisjoint(words) or any(word.endswith("n't") for word in words)
    return "no" if negative else "yes"


def repope(answer: str) -> Reading:
    """YanNeu/RePOPE: the substring "yes" first, then the substring "no" (so "know" is a no); else neither."""
    lowered = answer.lower()
    return "yes" if "yes" in lowered else "no" if "no" in lowered else ""


def contains(answer: str) -> Reading:
    """A tolerant rule of our own: the word yes or the word no anywhere, in any case; both or none is neither.

    VLMEvalKit's rule looks for the same words, but reads none in "**Yes**" or "Yes:".
    """
    words = set(_WORD.findall(answer.lower()))
    return "" if ("yes" in words) == ("no" in words) else "yes" if "yes" in words else "no"


READERS: dict[str, Callable[[str], Reading]] = {
    "llava": llava,
    "official": official,
    "opera": opera,
    "repope": repope,
    "contains": contains,
    "vlmevalkit": vlmevalkit,
}


def is_unclear(answer: str) -> bool:
    """True for an answer in which neither a yes nor any negation stands: whatever a rule makes of it is a guess."""
    return _CLEAR.search(answer) is None


def contradicted(answer: str, reading: Reading) -> bool:
    """True where the word that the answer opens with, or the only kind of word in it (yes; no, not), is not the reading; also
    where such an answer was not read."""
    opening = _OPENING.match(answer)
    words = {opening[1].lower()} if opening else {"yes" if found["yes"] else "no" for found in _CLEAR.finditer(answer)}
    return len(words) == 1 and reading not in words


@lru_cache(maxsize=4096)
def doubt(answer: str, said: str) -> str:
    """The flag of an answer that a rule reads as `said`, yes or no, or as neither: UNCLEAR, as for one whose yes or no the rule
    found inside another word ("know", "Cannot", "Yesterday"), SEVERAL for one that answers both ("Yes and no", "No. Yes, there
    is."), CONTRADICTED for one that speaks against its reading, "" for any other."""
    if said not in ("yes", "no") or is_unclear(answer):
        return flags.UNCLEAR
    if len({word.lower() for word in _ANSWERED.findall(answer)}) > 1:
        return flags.SEVERAL
    return flags.CONTRADICTED if contradicted(answer, "yes" if said == "yes" else "no") else ""


@lru_cache(maxsize=4096)  # most answers are a handful of words, said thousands of times
def flagged_reading(variant: str, text: str) -> tuple[Reading, str]:
    """What an answer is read as, and the flag of one that is unclear or speaks against its own reading."""
    said = READERS[variant](text)
    if is_unclear(text):
        return said, flags.UNCLEAR
    return said, flags.CONTRADICTED if contradicted(text, said) else ""
