"""Many tests at once, and effect sizes by ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.core.stats.samples import Floats


def rank_biserial(changes: Floats) -> float | None:
    """Share of rank sum that went up minus the share that went down (zeros and unknowns left out)."""
    changes = np.round(changes, 12)  # ties stay ties whatever rounding made of equal changes
    changes = changes[np.isfinite(changes) & (changes != 0)]
    if not len(changes):
        return None
    _, place, counts = np.unique(np.abs(changes), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks * np.sign(changes)).sum() / ranks.sum())


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction over all p that are known."""
    order = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    worst = 0.0
    for rank, (p, i) in enumerate(order):
        worst = max(worst, min(1.0, p * (len(order) - rank)))
        corrected[i] = worst
    return corrected


def benjamini_hochberg(ps: Sequence[float | None]) -> list[float | None]:
    """p adjusted for the false discovery rate (Benjamini and Hochberg 1995) over all p that are known.

    For tables that are searched, not decided on: of the cells below 0.05, 5 % at most are false on average.
    """
    order = sorted(((p, i) for i, p in enumerate(ps) if p is not None), reverse=True)
    corrected: list[float | None] = [None] * len(ps)
    least = 1.0
    for place, (p, i) in enumerate(order):
        least = min(least, p * len(order) / (len(order) - place))
        corrected[i] = least
    return corrected
