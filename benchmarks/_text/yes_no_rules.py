"""How the official scripts of HallusionBench, MME and NaturalBench, and two harnesses, read an answer as yes or no.

Each rule reads the whole answer it is given; "" is neither. The other rules of POPE are in `yes_no.py`; DASH-B and BEAF read as
RePOPE does (`yes_no.repope`).
"""

from __future__ import annotations

import re
from typing import Literal

Reading = Literal["yes", "no", ""]  # "" = read as neither

_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_DIGIT_COMMA_DIGIT = re.compile(r"\d,\d")
_FULL_STOP = re.compile(r"\.(?!\d)")
_MOST_FULL_STOPS = 32  # the original passes re.UNICODE (32) where the count goes
_FIRST = 4  # characters that MME's rule looks at


def mme_official(answer: str) -> Reading:
    """calculation.py of MME: lower case, not stripped; exactly yes or no, else "yes", then "no" in the first 4 characters."""
    return _beginning(answer.lower())


def mme_lmms_eval(answer: str) -> Reading:
    """lmms-eval's MME: stripped, full stops deleted, the single letters y and n accepted, then as the official rule."""
    text = answer.lower().strip().replace(".", "")
    if len(text) == 1:
        return "yes" if text == "y" else "no" if text == "n" else ""
    return _beginning(text)


def _beginning(text: str) -> Reading:
    first = text[:_FIRST]
    return "yes" if "yes" in first else "no" if "no" in first else ""


def vlmevalkit(answer: str) -> Reading:
    """VLMEvalKit's YOrN_Extraction: lower case, punctuation away, then the word yes without the word no, or the other way."""
    words = set(_without_punctuation(answer.lower()).split())
    return "" if ("yes" in words) == ("no" in words) else "yes" if "yes" in words else "no"


def _without_punctuation(text: str) -> str:
    vanish = _DIGIT_COMMA_DIGIT.search(text) is not None
    kept = text
    for mark in _MARKS:
        if mark in kept:
            beside_space = f"{mark} " in text or f" {mark}" in text
            kept = kept.replace(mark, "" if vanish or beside_space else " ")
    return _FULL_STOP.sub("", kept, count=_MOST_FULL_STOPS)


def any_yes(answer: str) -> Reading:
    """lmms-eval's rule for HallusionBench (commented out in its task): "yes" anywhere is yes, everything else no."""
    return "yes" if "yes" in answer.lower() else "no"
