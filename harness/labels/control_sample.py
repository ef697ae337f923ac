"""The control set: labels drawn at random from all, so that the error rate of all can be estimated, not of suspects only."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from harness.core.digests import text_digest
from harness.core.files import storable

Place = tuple[str, str]  # item id, field
FEWEST = 30  # decided labels of a control sample, from which on a rate is told
_SHARE = 0.9


def control(places: Iterable[Place], sample: int, seed: int = 0) -> frozenset[Place]:
    """So many places, drawn without replacement.

    A larger sample holds the smaller ones, and labels that come or go leave the others' luck alone: each place has its own
    random number, and the smallest are taken.
    """
    return frozenset(control_order(places, sample, seed))


def control_order(places: Iterable[Place], sample: int, seed: int = 0) -> list[Place]:
    """The same in the order of the draw, in which reviewers get them: every beginning is a random sample itself."""
    return sorted(places, key=lambda place: text_digest(storable(f"{seed}/{place[0]}/{place[1]}")))[:sample]


def decided_beginning(drawn: Sequence[Place], decided: Container[Place]) -> list[Place]:
    """The decided places of the longest beginning of the draw that is as good as decided (nine in ten).

    What is decided beyond it may have been looked at because it is suspicious, so that it says nothing of all labels. Empty
    below `FEWEST` decided ones, unless the whole sample is decided.
    """
    kept, best = list[Place](), 0
    for n, place in enumerate(drawn, 1):
        kept += [place] if place in decided else []
        if len(kept) >= _SHARE * n:
            best = len(kept)
    enough = best >= FEWEST or (0 < best == len(drawn))
    return kept[:best] if enough else []
