"""One way to number the rows of a file and one way to draw from them, for every source.

Sources that read the same file give a row the same id, and the same seed draws the same rows from the same ids: arms that are
compared on one set of prompts are trained on one set of prompts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.core.digests import parts_digest, subsample_seed
from harness.core.preference import PreferencePair, names_of


def row_id(row: Mapping[str, Any], number: int) -> str:
    """A row's own `id`, or "row-N" by its place in the file, 1 for the first."""
    return str(row.get("id", f"row-{number}"))


def unique(ids: Iterable[str]) -> list[str]:
    """Repeated ids numbered over all rows of a file, whatever becomes of them: the second "7" is "7#2", or the next number
    that no other row has."""
    given = list(ids)
    seen, taken, found = dict[str, int](), set(given), list[str]()
    for name in given:
        number = seen.get(name, 0) + 1
        while number > 1 and f"{name}#{number}" in taken:
            number += 1
        seen[name] = number
        found.append(name if number == 1 else f"{name}#{number}")
    return found


def drawn(ids: Sequence[str], limit: int | None, seed: int) -> list[int]:
    """Places of a uniform subsample of `limit` ids, in their old order; all of them without a limit or where there are fewer.

    Whether an id is drawn depends on its hash alone: the order of a file changes nothing, and two files that differ in a few
    ids differ in about as many of those drawn. All rounds of an arm have the same ones.
    """
    if limit is None or limit >= len(ids):
        return list(range(len(ids)))
    first = subsample_seed(seed)
    return sorted(sorted(range(len(ids)), key=lambda i: parts_digest(first, "limit", ids[i]))[:limit])


def by_images(pairs: Sequence[PreferencePair]) -> list[str]:
    """For each pair what it is about: the same for all pairs that share an image, also by way of others; its id without an
    image. What must not be torn apart by a split, and what intervals are over."""
    owner: dict[str, str] = {}

    def first(name: str) -> str:
        while (other := owner.setdefault(name, name)) != name:
            name = other
        return name

    shown = [names_of(pair.shown) for pair in pairs]
    for names in shown:
        for name in names[1:]:
            low, high = sorted((first(names[0]), first(name)))
            owner[high] = low
    return [first(names[0]) if names else pair.id for names, pair in zip(shown, pairs, strict=True)]
