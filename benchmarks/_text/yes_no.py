"""Four ways in circulation to read a free answer as yes or no; they differ, so a result names the one it used."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

Reading = Literal["yes", "no", ""]  # "" = read as neither

OFFICIAL_NO = frozenset({"No", "not", "no"})
OPERA_NO = OFFICIAL_NO | {"NO"}
_CLEAR = re.compile(r"\b(?:yes|no|not)\b|n['\u2019]t\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")


def official(answer: str) -> Reading:
    """AoiDragon/POPE evaluate.py (LLaVA's copy is the same): text before the first "." without commas, split at
    the space character; "no" if one piece is exactly No, not or no; everything else, even "", is "yes"."""
    words = answer.split(".", 1)[0].replace(",", "").split(" ")
    return "yes" if OFFICIAL_NO.isdisjoint(words) else "no"


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
    """VLMEvalKit's rule: the word yes or the word no anywhere, lower-cased; both or none is neither."""
    words = set(_WORD.findall(answer.lower()))
    return "" if ("yes" in words) == ("no" in words) else "yes" if "yes" in words else "no"


READERS: dict[str, Callable[[str], Reading]] = {
    "official": official,
    "opera": opera,
    "repope": repope,
    "contains": contains,
}


def is_unclear(answer: str) -> bool:
    """True for an answer in which neither a yes nor any negation stands: whatever a rule makes of it is a guess."""
    return _CLEAR.search(answer) is None
