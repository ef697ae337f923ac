"""Pairs that a set gives a weight: every pair of an arm counts the same here."""

from __future__ import annotations

from collections.abc import Sequence

from alignment.data.forms.kinds import has_weight
from harness.core.preference import PreferencePair


def unused_weights(pairs: Sequence[PreferencePair]) -> tuple[str, ...]:
    """What a run says where pairs have a weight other than 1."""
    n = sum(has_weight(pair.meta) for pair in pairs)
    if not n:
        return ()
    return (
        f"{n:,} of {len(pairs):,} pairs have a weight other than 1, which no loss here uses: all pairs count the same, unlike "
        "in a training that weighs them.",
    )
