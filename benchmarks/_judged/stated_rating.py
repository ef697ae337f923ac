"""A rating out of a judge's words: read only from a form that states one; everything else is unjudged.

    "Rating: 5"   "**Score**: 5/6"   "the grade is 0.8"   {"score": 0.8}   and, as a whole line, "0.8"   "0.7 because ..."

Never from a number in another context: "Part 1 is wrong", "(policy 1)", "1/2", "3-4", "4 of 10", "0,8" (a decimal
comma may be two numbers). Two statements that differ, or one that cannot be read, leave the answer unjudged: a guess would be a
made-up score.
"""

from __future__ import annotations

import re

_MARKUP = r"[\s*_`\"'(\[{}\])]*"
_NUMBER = r"(?P<sign>[-\u2212])?(?P<number>\d+(?:\.\d+)?|\.\d+)"
_SCALE = r"(?:\s*(?:/|out\s+of|of)\s*(?P<scale>\d+(?:\.\d+)?))?"
# What may not follow: more of the number, a range, an alternative, another unit
_ENDS = r"(?!\s*[-\u2013\u2014\u2212/,]\s*\d|\s*(?:to|or|and)\s+\d|\s*%|\.?\d|\w)"
_LABELLED = re.compile(
    rf"\b(?:rating|score|grade|correctness)\b{_MARKUP}(?:(?P<sep>[:=]|is\b|\s-\s){_MARKUP})?{_NUMBER}{_SCALE}(?P<ends>{_ENDS})?",
    re.IGNORECASE,
)
_BARE = re.compile(rf"{_MARKUP}{_NUMBER}{_MARKUP}\.?{_MARKUP}")
_REASON = r"because|since|as|for|given|the|this|it"
_REASONED = re.compile(rf"{_MARKUP}(?P<number>[01]?\.\d+){_MARKUP}(?:[:;,\u2013\u2014-]\s|\s(?:{_REASON})\b).*", re.IGNORECASE)


def labelled_rating(reply: str, low: float, high: float, whole: bool = False) -> float | None:
    """The number behind "rating", "score", "grade" or "correctness"; None where there is none, or several differ."""
    found = set[float | None]()
    for match in _LABELLED.finditer(reply):
        rest = reply[match.end() :].split("\n", 1)[0]
        if match["sep"] is None and rest.strip(" *_`\"')]}."):
            continue  # "a score 3 points lower" states none; "Rating 5" at the end of a line does
        found.add(_fitting(match, low, high, whole) if match["ends"] is not None else None)
    return found.pop() if len(found) == 1 else None


def stated_rating(reply: str, low: float, high: float) -> float | None:
    """As `labelled_rating`, or the first line with text where it is nothing but the number, or the number and then a reason."""
    line = next((line.strip() for line in reply.split("\n") if line.strip()), "")
    if (bare := _BARE.fullmatch(line)) is not None:
        return _fitting(bare, low, high, whole=False)
    if (reasoned := _REASONED.fullmatch(line)) is not None:
        return float(reasoned["number"]) if low <= float(reasoned["number"]) <= high else None
    return labelled_rating(reply, low, high)


def _fitting(match: re.Match[str], low: float, high: float, whole: bool) -> float | None:
    value, scale = float(match["number"]), match.groupdict().get("scale")
    fits = low <= value <= high and not match["sign"] and (scale is None or float(scale) == high)
    return value if fits and (not whole or match["number"].isdigit()) else None
