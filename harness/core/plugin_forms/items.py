"""Do a benchmark's items have the form that the store and every report rely on? Asked before the first question is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from reprlib import repr as short

from harness.core.errors import DataError
from harness.core.evaluation import Item
from harness.core.plugin_forms.values import is_in_form, stored_form

MOST_ITEMS = 5_000_000  # of one benchmark; a `load` that gives more does not end


def listed(name: str, items: Iterable[object], limit: int | None = None) -> list[object]:
    """What `load` gives, as a list, of a generator no more than `limit`. Raises DataError where it does not end."""
    if limit is not None and not hasattr(items, "__len__"):
        return list(islice(items, limit))
    found = list(islice(items, MOST_ITEMS + 1))
    if len(found) > MOST_ITEMS:
        raise DataError(f"{name}: load() does not end: it gave {MOST_ITEMS:,} items. Correct the benchmark, or set `limit`.")
    return found


def require_form(name: str, items: Iterable[object], where: str = "load()") -> tuple[Item, ...]:
    """The items, their truth in the form in which it comes back from the store; `where`: who made them.

    Raises DataError naming the first that is not an Item, or that has a field of another type.
    """
    return tuple(_in_form(name, n, item, where) for n, item in enumerate(items, 1))


def _in_form(name: str, n: int, item: object, where: str) -> Item:
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
    try:
        if is_in_form(item.truth):
            return item
        truth = stored_form(item.truth)
    except (ValueError, RecursionError) as error:
        what = "is nested too deep, or holds itself" if isinstance(error, RecursionError) else error
        why = f"{name}: the truth of item {item.id!r} {what}, and would not come back from the store as it is."
        raise DataError(f"{why} Correct the benchmark's {where}, or leave the name out where the value is unknown.") from error
    return replace(item, truth=truth)
