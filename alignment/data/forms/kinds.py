"""Values of a preference row by their kind. Another kind is a fault of its row: a list as text would be trained on as "['A']".

Ties and weights are keys of MM-RLHF that users' files have too:

    {"prompt": .., "chosen": .., "rejected": .., "is_tie": false, "ls_factor": 0.5}
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from harness.core.edge.text import shown

TIE = "is_tie"
WEIGHTS = ("ls_factor", "weight", "pair_weight", "sample_weight")
META_WEIGHT = "pair_weight"  # where `PreferencePair.meta` keeps it


def optional_text(row: Mapping[str, Any], key: str) -> str:
    """A text; "" where it is missing or null. Raises ValueError for something else."""
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key!r} must be a text, not {shown(value, 40)}")
    return (value or "").strip()


def flag(row: Mapping[str, Any], key: str) -> bool:
    """True or false; false where it is missing or null. Raises ValueError for something else: the text "False" is true."""
    value = row.get(key)
    if value is None:
        return False
    if not isinstance(value, (bool, int)) or value not in (0, 1):
        raise ValueError(f"{key!r} must be true or false, not {shown(value, 40)}")
    return bool(value)


def image_number(row: Mapping[str, Any], key: str) -> str:
    """An id that names an image's file: a text, or a whole number as text. Raises ValueError for something else."""
    value = row.get(key)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
        return str(value)
    raise ValueError(f"{key!r} must be a number or a text, not {shown(value, 40)}" if key in row else f"{key!r} is missing")


def rating_in(value: object, least: float, most: float, what: str) -> float | None:
    """A rating, a number or a number as text; None without one (null, "N/A"). Raises ValueError for other kinds of values, and
    outside the scale."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{what} must be a number of {least:g} to {most:g}, not {shown(value, 40)}")
    try:
        number = float(value)
    except ValueError:
        return None
    if not isfinite(number):
        return None
    if not least <= number <= most:
        raise ValueError(f"{what} is {shown(value, 40)}, outside the scale of {least:g} to {most:g}")
    return number


def weight_of(row: Mapping[str, Any]) -> float:
    """How much a pair should count, by the first of `WEIGHTS` that the row has; 1 without one.

    Raises ValueError for what is not a number from 0 on.
    """
    key = next((key for key in WEIGHTS if row.get(key) is not None), "")
    try:
        weight = 1.0 if not key else float("nan" if isinstance(row[key], bool) else row[key])
    except (TypeError, ValueError):
        weight = float("nan")
    if not isfinite(weight) or weight < 0:
        raise ValueError(f"{key!r} must be a number, 0 or more, not {shown(row[key], 40)}")
    return weight


def weight_meta(row: Mapping[str, Any]) -> dict[str, float]:
    """A weight other than 1 as a pair's `meta` keeps it: no loss uses it, so the report says how many pairs have one."""
    weight = weight_of(row)
    return {} if weight == 1 else {META_WEIGHT: weight}


def has_weight(meta: Mapping[str, Any]) -> bool:
    """Whether a pair has a weight, in its own `meta` or in one that a source of two sources keeps inside it."""
    return META_WEIGHT in meta or any(isinstance(part, Mapping) and has_weight(part) for part in meta.values())


def is_storable(value: Any) -> bool:
    """Whether JSON has all numbers of a value: it has no nan and no infinity, which pandas and Python write for them."""
    if isinstance(value, float):
        return isfinite(value)
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return all(map(is_storable, parts))


def storable_meta(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a published row says beside its answers, without the values that cannot be stored: they are not known."""
    return {key: value for key, value in meta.items() if is_storable(value)}
