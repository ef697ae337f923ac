"""Colours in a text: which words are one, and where one goes on to another ("an orange and white cat")."""

from __future__ import annotations

from collections.abc import Sequence

COLOURS = frozenset(
    {"red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "black", "white", "gray", "beige", "gold"}
)
_OTHER_NAMES = {"grey", "golden", "silver", "tan", "violet", "teal", "maroon", "turquoise", "cream"}
_JOINS = ("and", "or", ",", "&", "/")


def joins_a_colour(tokens: Sequence[str], place: int) -> bool:
    """Whether "and", "or" or a comma stands behind the word, and then a colour: both describe what follows."""
    rest = list(tokens[place + 1 : place + 4])
    following = next((token for token in rest if token not in _JOINS), "")
    return bool(rest) and rest[0] in _JOINS and following in COLOURS | _OTHER_NAMES
