"""A rating out of a judge's words: read only from a form that states one; everything else is unjudged.

    "Rating: 5"   "**Score**: 5/6"   "the grade is 0.8"   {"score": 0.8}   and, as a whole line, "0.8"   "0.7 because ..."

Never from a number in another context: "Part 1 is wrong", "(policy 1)", "1/2", "3-4", "4 of 10", "0,8" (a decimal
comma may be two numbers), "the maximum score is 6", "Score: 3 objects missing". Two statements that differ, or one that cannot
be read, leave the answer unjudged: a guess would be a made-up score.
"""

from __future__ import annotations

import re

_MARKUP = r"[\s*_`\"'(\[{}\])]*"
_NUMBER = r"(?P<sign>[-\u2212])?(?P<number>(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+)"
_SCALE = r"(?:[ \t]*(?:/|out\s+of|of)\s*(?P<scale>\d+(?:\.\d+)?))?"
# What may not follow: more of the number, a range, an alternative, a correction, another unit
_MORE = (
    r"[ \t]*[-\u2013\u2014\u2212/,:+][ \t]*\d|[ \t]+\d|[ \t]*(?:to|or|and)[ \t]+\d|[ \t]*(?:[%=\u2192]|->)"
    r"|[-+\u2212](?!\s)|\.?\d|\w"
)
# What has to: the end, punctuation, a unit or a reason. Any other word makes the number a count: "3 objects missing"
_REST = r"[ \t]*(?:\Z|[^\w \t])|[ \t]+(?:points?|stars?|because|since|as|given|due|based)\b"
_LABELLED = re.compile(
    rf"\b(?:rating|score|grade|correctness)\b{_MARKUP}(?:(?P<sep>[:=]|is\b|\s-\s){_MARKUP})?{_NUMBER}{_SCALE}"
    rf"(?P<ends>(?!{_MORE})(?={_REST}))?",
    re.IGNORECASE,
)
_OF_THE_SCALE = re.compile(
    r"\b(?:max(?:imum)?|min(?:imum)?|highest|lowest|best|worst|top|possible|perfect|full|previous|other|average|example|passing)"
    r"[ *_\"]+(?:\w+[ *_\"]+)?$",
    re.IGNORECASE,
)
_BARE = re.compile(rf"{_MARKUP}{_NUMBER}{_MARKUP}\.?{_MARKUP}")
_REASON = r"because|since|as|for|given|the|this|it"
_REASONED = re.compile(
    rf"{_MARKUP}(?P<number>[01]?\.\d+){_MARKUP}(?:[:;,\u2013\u2014-]\s|\s(?:{_REASON})\b)(?P<reason>.*)", re.IGNORECASE
)
_SECOND = re.compile(r"(?<![\d.])[01]?\.\d|^\W*\d")  # one more number of the scale: "0.5 for the first, 0.9 ..", "0.5, 1"


def labelled_rating(reply: str, low: float, high: float, whole: bool = False) -> float | None:
    """The number behind "rating", "score", "grade" or "correctness"; None where there is none, or several differ."""
    found = _labelled(reply, low, high, whole)
    return found.pop() if len(found) == 1 else None


def _labelled(reply: str, low: float, high: float, whole: bool) -> set[float | None]:
    """All that the reply states behind such a word; None stands for statements that cannot be read."""
    found = set[float | None]()
    for match in _LABELLED.finditer(reply):
        rest = reply[match.end() :].split("\n", 1)[0]
        if match["sep"] is None and rest.strip(" *_`\"')]}."):
            continue  # "a score 3 points lower" states none; "Rating 5" at the end of a line does
        if not _OF_THE_SCALE.search(reply[: match.start()].rsplit("\n", 1)[-1]):
            found.add(_fitting(match, low, high, whole) if match["ends"] is not None else None)
    return found


def stated_rating(reply: str, low: float, high: float) -> float | None:
    """As `labelled_rating`, or the first line with text where it is nothing but the number, or the number and then a reason."""
    lines = [line.strip() for line in reply.split("\n") if line.strip()]
    bare = {_fitting(match, low, high, whole=False) for line in lines if (match := _BARE.fullmatch(line)) is not None}
    found = _labelled(reply, low, high, whole=False)
    if lines and _BARE.fullmatch(lines[0]) is not None:
        found |= bare
    elif lines and (reasoned := _REASONED.fullmatch(lines[0])) is not None:
        value = float(reasoned["number"])
        found.add(value if low <= value <= high and not _SECOND.search(reasoned["reason"]) else None)
    return found.pop() if len(found) == 1 else None


def _fitting(match: re.Match[str], low: float, high: float, whole: bool) -> float | None:
    value, scale = float(match["number"]), match.groupdict().get("scale")
    fits = low <= value <= high and not match["sign"] and (scale is None or float(scale) == high)
    return value if fits and (not whole or value.is_integer()) else None
