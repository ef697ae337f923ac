"""The hint behind an unknown name: the known name that is most like it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], n: int = 1, cutoff: float = 0.6) -> list[str]:
    """The `n` known names most like `name`, best first, capitals aside; those less alike than `cutoff` (0: any, 1: the same)
    are left out."""
    spelled: dict[str, list[str]] = {}
    for one in dict.fromkeys(known):
        spelled.setdefault(one.casefold(), []).append(one)
    found = get_close_matches(name.casefold(), spelled, n=n, cutoff=cutoff)
    return [one for folded in found for one in spelled[folded]][:n]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`" Did you mean 'pope'?"`, to stand behind a sentence; empty where no known name is like `name`."""
    found = nearest(name, known)
    return f" Did you mean {found[0]!r}?" if found else ""
