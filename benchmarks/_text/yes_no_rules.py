"""How the official scripts of HallusionBench, MME and NaturalBench, and two harnesses, read an answer as yes or no.

Each rule reads the whole answer it is given; "" is neither. The other rules of POPE are in `yes_no.py`; DASH-B and BEAF read as
RePOPE does (`yes_no.repope`).
"""

from __future__ import annotations

from typing import Literal

from benchmarks._text.vqa_answers import without_punctuation

Reading = Literal["yes", "no", ""]  # "" = read as neither

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
    words = set(without_punctuation(answer.lower()).split())
    return "" if ("yes" in words) == ("no" in words) else "yes" if "yes" in words else "no"


def any_yes(answer: str) -> Reading:
    """lmms-eval's rule for HallusionBench (commented out in its task): "yes" anywhere is yes, everything else no."""
    return "yes" if "yes" in answer.lower() else "no"
