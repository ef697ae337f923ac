"""Which checkpoints are distinguishable on one metric: every pair tested, Holm over the pairs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from harness.core.evaluation import Formula
from harness.core.run_record import BenchmarkResult
from harness.core.stats import Linear, Sample, difference_interval, holm, linearise, moving
from reports.values.paired import is_a_share, known

ALPHA = 0.05


def comparable(results: Sequence[BenchmarkResult | None], samples: Sequence[Sample | None]) -> list[tuple[int, Sample]]:
    """Columns that answered the same items as the first, in the same order, with their samples."""
    there = [(i, s) for i, s in enumerate(samples) if s is not None and len(s)]
    first = next((_answered(results[i]) for i, _ in there), ())
    return [(i, s) for i, s in there if _answered(results[i]) == first]


def significantly_better(formula: Formula, alike: Sequence[tuple[int, Sample]]) -> tuple[tuple[int, int], ...]:
    """Pairs (i, j) of `comparable` columns of which i is better than j, Holm-adjusted p < 0.05 over all pairs of the metric."""
    if formula.better not in ("higher", "lower") or len(alike) < 2:
        return ()
    places, there = zip(*alike, strict=True)
    moved = np.any([moving(formula, s) for s in there], axis=0)
    found, is_share = [linearise(formula, s, moved) for s in there], is_a_share(formula, *there)
    pairs = list(combinations(range(len(places)), 2))
    adjusted = holm([_p(found[i], found[j], is_share) for i, j in pairs])
    order = []
    for (i, j), p in zip(pairs, adjusted, strict=True):
        if p is not None and p < ALPHA:
            higher = bool(found[i].value[0] > found[j].value[0])
            order.append((places[i], places[j]) if higher == (formula.better == "higher") else (places[j], places[i]))
    return tuple(order)


def _answered(result: BenchmarkResult | None) -> tuple[str, ...]:
    return tuple(s.item_id if s.values else "" for s in result.scores) if result is not None else ()


def _p(one: Linear, other: Linear, is_share: bool) -> float | None:
    change = one.minus(other)
    return known(difference_interval(change, is_share)[2]) if np.isfinite(change.value[0]) else None
