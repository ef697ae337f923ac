"""Do a benchmark's items have the form that the store and every report rely on? Asked before the first question is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from reprlib import repr as short

from harness.core.errors import DataError
from harness.core.evaluation import Item


def require_form(name: str, items: Iterable[object], where: str = "load()") -> None:
    """Raises DataError naming the first that is not an Item, or that has a field of another type; `where`: who made it."""
    for n, item in enumerate(items, 1):
        if not isinstance(item, Item):
            raise DataError(f"{name}: what {where} gives at place {n} is {short(item)}, not an Item. Correct the benchmark.")
        for field in ("id", "image", "question", "group"):
            if not isinstance(value := getattr(item, field), str):
                whose = f"`{field}` of item {item.id!r} is {short(value)}"
                raise DataError(f"{name}: {whose}, not text. Correct the benchmark's {where}.")
        if not isinstance(item.truth, Mapping):
            raise DataError(
                f"{name}: the truth of item {item.id!r} is {short(item.truth)}, not a mapping of names to values such as "
                f'{{"label": "no"}}. Correct the benchmark\'s {where}.'
            )
