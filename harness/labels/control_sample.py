"""The control set: labels drawn at random from all, so that the error rate of all can be estimated, not of suspects only."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.digests import text_digest
from harness.core.files import storable

Place = tuple[str, str]  # item id, field


def control(places: Iterable[Place], sample: int, seed: int = 0) -> frozenset[Place]:
    """So many places, drawn without replacement.

    A larger sample holds the smaller ones, and labels that come or go leave the others' luck alone: each place has its own
    random number, and the smallest are taken.
    """
    ordered = sorted(places, key=lambda place: text_digest(storable(f"{seed}/{place[0]}/{place[1]}")))
    return frozenset(ordered[:sample])
