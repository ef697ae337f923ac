"""Colours in a text: which words are one, and where one goes on to another ("an orange and white cat")."""

from __future__ import annotations

from collections.abc import Sequence

COLOURS = frozenset(
    {"red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "black", "white", "gray", "beige", "gold"}
)
_OTHER_NAMES = {"grey", "golden", "silver", "tan", "violet", "teal", "maroon", "turquoise", "cream"}
_JOINS = ("and", "or", ",", "&", "/")


def joins_a_colour(tokens: Sequence[str], place: int) -> bool:
    """Whether "and", "or" or a comma stands behind the word, and then a colour: both describe what follows.

    In a list of things the word is one of them: "an apple, orange, red grapes", "an orange, green apples".
    """
    rest = list(tokens[place + 1 : place + 5])
    behind = next((i for i, token in enumerate(rest) if token not in _JOINS), 0)
    if not rest or rest[0] not in _JOINS or rest[behind] not in COLOURS | _OTHER_NAMES:
        return False
    return rest[0] != "," or not _is_item(tokens[:place], rest[behind + 1 :])


def _is_item(before: Sequence[str], described: Sequence[str]) -> bool:
    """Of a word with a comma behind it: behind another item, or with an article that what the colour describes cannot have."""
    another = len(before) > 1 and before[-1] == "," and before[-2] not in COLOURS | _OTHER_NAMES
    return another or ("".join(before[-1:]) in ("an", "one") and bool(described) and described[0].endswith("s"))
