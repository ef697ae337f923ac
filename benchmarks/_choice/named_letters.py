"""Which option letters an answer names, whatever a reader makes of it: flags for answers whose reading needs a look.

Readers are copies of official programs and read one letter in any answer: "A and B" is A, "A careful look" is A. Their values
stay; the flag says that the answer named several options, that it named another one than was read, or that it named none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from harness.core import flags

# A letter in brackets, with a mark or the end behind it, or beside a joining word; "A" before another word is an article.
_JOINED = r"(?:and|or|nor|&)"
_NAMED = re.compile(
    rf"""\(([A-Ha-h])\)                                                     # (a)
    | (?<![\w'’-])([A-H])(?=\s*(?:[.,:;!?)/*\]}}"]|$|\n|&)|\s+(?:{_JOINED}|is|are|was)\b)   # A.  A and  A is
    | (?<![\w'’-])([B-H])(?=\s)                                             # B looks right
    | \b{_JOINED}\s+([A-H])(?![\w'’-])                                      # and B
    | \b{_JOINED}\s+\(?([b-h])(?=\s*(?:[.,:;!?)]|$))                         # and b.
    | \b(?i:option|choice|answer\s+is|answer:)\s*\(?([A-Ha-h])(?=\s*(?:[.,:;!?)]|$|\n)|\s+{_JOINED}\b)  # answer is b.
    """,
    re.VERBOSE,
)
_LETTERS_ALONE = re.compile(rf"\W*[a-h](?:\W+(?:{_JOINED}\W+)?[a-h])*\W*", re.IGNORECASE)  # "b", "a, b", "a and c"
_ONE = re.compile(r"\b[a-h]\b", re.IGNORECASE)


def named_letters(answer: str, offered: tuple[str, ...]) -> frozenset[str]:
    """The offered letters that an answer names as options."""
    if _LETTERS_ALONE.fullmatch(answer):
        found = {letter.upper() for letter in _ONE.findall(answer)}
    else:
        found = {next(group for group in match.groups() if group).upper() for match in _NAMED.finditer(answer)}
    return frozenset(found & set(offered))


@lru_cache(maxsize=4096)
def _flag(answer: str, read: str, offered: tuple[str, ...], text_named: bool) -> str:
    named = named_letters(answer, offered)
    if len(named) > 1:
        return flags.SEVERAL
    if read not in offered:
        return flags.UNCLEAR
    if named and read not in named:
        return flags.CONTRADICTED
    return "" if named or text_named else flags.UNCLEAR


def flag_of(answer: str, read: str, options: Mapping[str, str]) -> str:
    """The flag of an answer that a reader took for `read` ("" or another text where it read no letter).

    options: {letter: text}, "" where the text is not known. SEVERAL where two letters are named, UNCLEAR where no letter was
    read or neither the letter nor its text stands in the answer, CONTRADICTED where the only letter named is another one.
    """
    text = options.get(read, "").lower()
    return _flag(answer, read, tuple(options), bool(text) and text in answer.lower())
