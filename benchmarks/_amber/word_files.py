"""AMBER's relation.json and safe_words.txt, checked: a file of another form would change every number without a word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.core.edge.text import shown
from harness.core.errors import DataError

_WORDS = re.compile(r"[\w' .-]*")  # what a line of words may hold: no mark-up, no list


def association(content: Any, name: str) -> Mapping[str, list[str]]:  # Any: a JSON value
    """Object -> its association words, of relation.json. Raises DataError naming file and key for what is of another form."""
    if not isinstance(content, dict) or not content:
        raise DataError(f"{name} should be an object of lists of words, but is {shown(content)}. Fetch it again.")
    for thing, words in content.items():
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise DataError(f"{name}: {thing!r} should have a list of words, but has {shown(words)}. Fetch it again.")
    return content


def safe_words(text: str, name: str) -> frozenset[str]:
    """Words that are never invented, one a line, as they stand. Raises DataError for an empty file and for what is no word."""
    if not text.strip():
        raise DataError(f"{name} is empty: safe words would count as invented. Fetch it again.")
    for number, line in enumerate(text.split("\n"), 1):
        if not _WORDS.fullmatch(line):
            raise DataError(f"{name}, line {number} is not one word: {shown(line)}. Fetch it again.")
    return frozenset(text.split("\n"))
