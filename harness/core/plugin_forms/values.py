"""Values that plug-ins hand over, in the form that the store gives back: what it would change on the way is changed before use.

A scorer that sees a numpy number the first time and its text when stored answers are scored again would give two scores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from reprlib import repr as short
from typing import Any

_PLAIN = (str, int, bool, type(None))
_SEVERAL = (list, tuple, set, frozenset)  # of a class that builds on one of them, a named tuple, what it holds is kept


def stored_form(value: Any) -> Any:  # Any: a JSON value, also in tuples and sets
    """The value in Python's own types: numbers of numpy and torch, their arrays, members of an Enum.

    Raises ValueError with what is wrong with it: a number that is not finite, a key that is not text, another type.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, Enum):
        return stored_form(value.value)
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"is {float(value)}, which is not a finite number")
        return float(value)
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise ValueError(f"has the key {short(wrong[0])}, which is not text")
        return {plain_text(key): _inside(inner, key) for key, inner in value.items()}
    if base := next((one for one in _SEVERAL if isinstance(value, one)), None):
        return base(_inside(inner) for inner in value)
    listed = value.tolist() if hasattr(value, "tolist") else value  # numpy and torch
    if listed is value or type(listed) is kind:
        raise ValueError(f"is {short(value)}, of the type {kind.__name__}, not text, a number, or a list or mapping of these")
    return stored_form(listed)


def is_in_form(value: object) -> bool:
    """Whether `stored_form` would leave it as it is; most values are, and equal ones need not be: a numpy 3 is 3."""
    kind: Any = type(value)  # by the class alone: of 100,000 items every value is asked about
    if kind in _PLAIN:
        return True
    held: Any = value
    if kind is float:
        return math.isfinite(held)
    if kind is dict:
        return all(type(key) is str and is_in_form(inner) for key, inner in held.items())
    return kind in _SEVERAL and all(map(is_in_form, held))


def plain_text(value: object) -> str:
    """The characters of a text of whatever class, since `str` of a member of an Enum is its name; else as it is printed."""
    return str.__str__(value) if isinstance(value, str) else str(value)


def number_of(value: Any) -> float:  # Any: what a plug-in gave for a number
    """A finite number as Python's own, true as 1, a fraction or decimal as a float. Raises ValueError with what else it is."""
    exact = isinstance(value, Fraction | Decimal)
    made = stored_form(float(value) if exact else value)
    if not isinstance(made, int | float):
        raise ValueError(f"is {short(value)}, which is not a number")
    return made if type(made) in (int, float) else float(made)


def _inside(value: Any, key: object = None) -> Any:  # Any: see `stored_form`
    try:
        return stored_form(value)
    except ValueError as error:
        named = str(error) if key is None else f"has {key!r}, which {error}"
        raise ValueError(named if key is not None or named.startswith("has ") else f"has an entry that {named}") from error
