"""A rating out of a judge's words: read only from a form that states one; everything else is unjudged.

    "Rating: 5"   "**Score**: 5/6"   "the grade is 0.8"   {"score": 0.8}   and, as a whole line, "0.8"   "0.7 because ..."

Never from a number in another context: "Part 1 is wrong", "(policy 1)", "1/2", "3-4", "4 of 10", "0,8" (a decimal
comma may be two numbers), "the maximum score is 6", "Score: 3 objects missing". Two statements that differ, or one that cannot
be read, leave the answer unjudged: a guess would be a made-up score. So does whatever stands behind the number on its line and
may make it another: a second number ("3 (or 4)", "3 | 4", "3, maybe 4"), unless it stands in a reason ("4 because 2 of 3 are
right", "3. It names 2 dogs"), and another scale ("4 (out of 10)", "4, on a scale from 0 to 10"). Markup, full-width forms and
the kind of a dash or space do not count.
"""

from __future__ import annotations

import re

_ALIKE = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")
    | dict.fromkeys("\u02dc\u223c\u301c\uff5e", "~")
    | dict.fromkeys("\u2044\u2215\u29f8\uff0f", "/")
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff")
    | dict.fromkeys("*`", " ")
    | {chr(ord(mark) + 0xFEE0): mark for mark in "0123456789.:=%()[]|"}  # full-width forms
)
_BLANK = re.compile(r"[^\S\n]|(?<![^\W_])_+|_+(?![^\W_])")  # any space within a line; "_4_", not "out_of"
_MARKUP = r"[\s\"'(\[{}\])]*"
_NUMBER = r"(?P<sign>-)?(?P<number>(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+)"
_SCALE = r"(?: *(?:/|out\s+of|of)\s*(?P<scale>\d+(?:\.\d+)?))?"
_MORE = r" *(?:[%=\u2192]|->)|[-+](?!\s)|\.?\d|\w"  # what may not follow: more of the number, a correction, another unit
# What has to: the end, punctuation, a unit or a reason. Any other word makes the number a count: "3 objects missing"
# ("2 very informative" is a line of the scale itself)
_REST = r" *(?:\Z|[^\w ])| +(?:points?|stars?|because|since|as|given|due|based|(?:very|somewhat|not)\s+informative)\b"
_LABELLED = re.compile(
    rf"\b(?:rating|score|grade|correctness)\b{_MARKUP}(?:(?P<sep>[:=]|is\b|\s-\s){_MARKUP})?{_NUMBER}{_SCALE}"
    rf"(?P<ends>(?!{_MORE})(?={_REST}))?",
    re.IGNORECASE,
)
_WHY = re.compile(r"\b(?:because|since|as|given|due|based|reason\w*|explanation|justification|comments?)\b", re.IGNORECASE)
_COUNT = r"(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|\d+)"
_OTHER = re.compile(
    rf"(?<![^\W_])\.?\d|\bscale\b|\bout[ _]of\b|(?:\b(?:or|to|of|maybe|perhaps)\b|[-~/])\W*{_COUNT}\b", re.IGNORECASE
)
# Words behind punctuation are a reason ("3. It names 2 dogs"), unless they speak of the number
_DOUBT = (
    "and|or|to|of|out|on|scale|between|closer|almost|nearly|maybe|perhaps|possibly|probably|but|though|although|however|rather|"
    "actually|no|not|wait|sorry|i|we|then|now|final|finally|corrected|revised|changed|raised|lowered|max|maximum|min|minimum"
)
_SENTENCE = re.compile(rf"[.;:,(!-]\W*(?!(?:{_DOUBT}|{_COUNT})(?![^\W_]))[^\W\d_]", re.IGNORECASE)
_NEAR = 300  # characters before and behind a rating that may speak of it
_SCALE_SAID = re.compile(r"\bscale\b[^.;]*\d|\d[^.;]*\bscale\b", re.IGNORECASE)
_GOES_ON = re.compile(
    rf" *\n[\s(\[]*(?:(?:out[ _]of|of|or|to|/|~)\W*{_COUNT}\b|(?:on an? |on the )?scale\b)[^\n]*", re.IGNORECASE
)
_OF_THE_SCALE = re.compile(
    r"\b(?:max(?:imum)?|min(?:imum)?|highest|lowest|best|worst|top|possible|perfect|full|previous|other|average|example|passing)"
    r"[ _\"]+(?:\w+[ _\"]+)?$",
    re.IGNORECASE,
)
_BARE = re.compile(rf"{_MARKUP}{_NUMBER}{_SCALE}{_MARKUP}\.?{_MARKUP}")
_REASON = r"because|since|as|for|given|the|this|it"
_REASONED = re.compile(rf"{_MARKUP}(?P<number>[01]?\.\d+){_MARKUP}(?:[:;,-]\s|\s(?:{_REASON})\b)(?P<reason>.*)", re.IGNORECASE)
# One more number of the scale: "0.5 for the first, 0.9 ..", "0.5, 1", "0.5, maybe 1"
_SECOND = re.compile(
    r"(?<![\d.])[01]?\.\d"
    rf"|^\W*(?:(?:or|to|maybe|perhaps|possibly|probably|rather|closer|nearly|almost|even)\W+)*(?:\d|{_COUNT}\W*$)",
    re.IGNORECASE,
)


def labelled_rating(reply: str, low: float, high: float, whole: bool = False) -> float | None:
    """The number behind "rating", "score", "grade" or "correctness"; None where there is none, or several differ."""
    found = _labelled(reply, low, high, whole)
    return found.pop() if len(found) == 1 else None


def _labelled(reply: str, low: float, high: float, whole: bool) -> set[float | None]:
    """All that the reply states behind such a word; None stands for statements that cannot be read."""
    text = _plain(reply)
    matches = list(_LABELLED.finditer(text))
    found = set[float | None]()
    ends = [*(match.start() for match in matches), len(text)][1:]
    for match, after in zip(matches, ends, strict=True):
        line = text[max(0, match.start() - _NEAR) : match.start()].rsplit("\n", 1)[-1]
        rest = text[match.end() : min(after, match.end() + _NEAR)].split("\n", 1)[0]
        if match["sep"] is None and rest.strip(" \"')]}."):
            continue  # "a score 3 points lower" states none; "Rating 5" at the end of a line does
        if not _OF_THE_SCALE.search(line):
            goes_on = _GOES_ON.match(text, match.end() + len(rest))
            rest += goes_on[0] if goes_on else ""
            sure = match["ends"] is not None and not _other_scale(line, low, high) and not _open(rest, low, high)
            found.add(_fitting(match, low, high, whole) if sure else None)
    return found


def stated_rating(reply: str, low: float, high: float) -> float | None:
    """As `labelled_rating`, or the first line with text where it is nothing but the number, or the number and then a reason."""
    lines = [line.strip() for line in _plain(reply).split("\n") if line.strip()]
    bare = {_fitting(match, low, high, whole=False) for line in lines if (match := _BARE.fullmatch(line)) is not None}
    found = _labelled(reply, low, high, whole=False)
    if lines and _BARE.fullmatch(lines[0]) is not None:
        found |= {None} if len(lines) > 1 and _GOES_ON.match("\n" + lines[1]) else bare
    elif lines and (reasoned := _REASONED.fullmatch(lines[0])) is not None:
        value, why = float(reasoned["number"]), reasoned["reason"]
        sure = low <= value <= high and not _SECOND.search(why) and not _other_scale(why[:_NEAR], low, high)
        found.add(value if sure else None)
    return found.pop() if len(found) == 1 else None


def _plain(reply: str) -> str:
    """Without emphasis, with one kind of dash, slash, tilde and space."""
    return _BLANK.sub(" ", reply.translate(_ALIKE))


def _open(rest: str, low: float, high: float) -> bool:
    """Whether what follows a number on its line may make it another one."""
    rest = _without_own_scale(rest, low, high)
    of_number = _SENTENCE.split(_WHY.split(rest, maxsplit=1)[0], maxsplit=1)[0]
    return bool(_OTHER.search(of_number) or _SCALE_SAID.search(rest))


def _other_scale(text: str, low: float, high: float) -> bool:
    return _SCALE_SAID.search(_without_own_scale(text, low, high)) is not None


def _without_own_scale(text: str, low: float, high: float) -> str:
    """The text without mentions of the scale that was asked for: "(out of 6)", "on a scale from 0 to 6", "0-6 scale"."""
    span = rf"{low:g}(?:\.0+)?\s*(?:-|~|to)\s*{high:g}(?:\.0+)?(?!\.?\d)"
    to = r"\bout[ _]of\b|\bof\b|/|\bmax(?:imum)?\b|\bscale\b(?:\W+(?:of|from)\b)?"
    return re.sub(rf"(?:{to})\W*(?:{span}|{high:g}(?:\.0+)?(?!\.?\d))|{span}(?:\W*scale\b)?", "", text, flags=re.IGNORECASE)


def _fitting(match: re.Match[str], low: float, high: float, whole: bool) -> float | None:
    value, scale = float(match["number"]), match.groupdict().get("scale")
    fits = low <= value <= high and not match["sign"] and (scale is None or float(scale) == high)
    return value if fits and (not whole or value.is_integer()) else None
