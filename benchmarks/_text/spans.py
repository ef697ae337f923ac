"""Where the tokens of a text stand in it, for highlighting."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WRITTEN_QUOTES = ("``", "''")
_QUOTE = re.compile("\"|``|''")


def token_places(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """(start, end) of each token in `text`, of which `tokens` are the lower-cased treebank tokens, in order.

    A token that cannot be found (it never happens for words) gets an empty place where it would have been.
    """
    lowered = text.lower()
    places = _plain_places(lowered, tokens) if _QUOTE.search(lowered) is None else _quoted_places(lowered, tokens)
    if len(lowered) == len(text):
        return places
    # Some letters grow when lower-cased ("\u0130" becomes two): walk back to the original's own positions.
    origin = [i for i, character in enumerate(text) for _ in character.lower()] + [len(text)]
    return [(origin[start], origin[end - 1] + 1 if end > start else origin[start]) for start, end in places]


def _plain_places(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Places in a text without quotation marks: most texts."""
    places: list[tuple[int, int]] = []
    at, find = 0, text.find
    for token in tokens:
        start = find(token, at)
        if start >= 0:
            at = start + len(token)
            places.append((start, at))
        else:
            places.append((at, at))
    return places


def _quoted_places(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    at = 0
    for token in tokens:
        start = text.find(token, at)
        if start < 0 or token in _WRITTEN_QUOTES:
            start, at = _quote(text, token, at)
        else:
            at = start + len(token)
        places.append((start, at))
    return places


def _quote(text: str, token: str, at: int) -> tuple[int, int]:
    """The tokenizer writes a quotation mark as `` or '', whatever it was."""
    quote = _QUOTE.search(text, at) if token in _WRITTEN_QUOTES else None
    return quote.span() if quote else (at, at)
