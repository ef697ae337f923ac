"""Many checkpoints on one metric: which are distinguishable (every pair tested, Holm over the pairs), and intervals of all
differences to the baseline that hold together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from harness.core.evaluation import Formula
from harness.core.run_record import BenchmarkResult
from harness.core.stats import (
    Floats,
    Linear,
    Sample,
    bonferroni_level,
    difference_interval,
    holm,
    joint_quantile,
    linearise,
    moving,
)
from reports.tables.same_weights import Repeats
from reports.values.alike import other_items
from reports.values.common import compared_items
from reports.values.paired import known
from reports.values.table import Cell

ALPHA = 0.05


def comparable(results: Sequence[BenchmarkResult | None], samples: Sequence[Sample | None]) -> list[tuple[int, Sample]]:
    """Columns of which the same items as of the first were answered and judged, in the same order and of the same clusters,
    with their samples."""
    there = [(i, s) for i, s in enumerate(samples) if s is not None and len(s)]
    first = next((result for i, _ in there if (result := results[i]) is not None), None)
    return [(i, s) for i, s in there if _same_answered(first, results[i]) and np.array_equal(s.cluster, there[0][1].cluster)]


def together(formula: Formula, alike: Sequence[tuple[int, Sample]]) -> dict[int, Linear]:
    """Column -> the formula on the items that move it in any of these columns; none where there are fewer than two."""
    if len(alike) < 2:
        return {}
    moved = np.any([moving(formula, s) for _, s in alike], axis=0)
    return {i: linearise(formula, s, moved) for i, s in alike}


def significantly_better(
    formula: Formula, found: Mapping[int, Linear], width: float, again: Repeats
) -> tuple[tuple[int, int], ...]:
    """Pairs (i, j) of columns of which i is better than j, Holm-adjusted p < 0.05 over all pairs of the metric.

    Columns that repeat another one (`again`) have its tests.
    """
    if formula.better not in ("higher", "lower"):
        return ()
    groups = {i: [i, *(j for j, first in again.items() if first == i and j in found)] for i in found if i not in again}
    pairs = list(combinations(groups, 2))
    adjusted = holm([_p(found[i], found[j], width) for i, j in pairs])
    order = []
    for (i, j), p in zip(pairs, adjusted, strict=True):
        if p is not None and p < ALPHA:
            higher = bool(found[i].value[0] > found[j].value[0])
            better, worse = (i, j) if higher == (formula.better == "higher") else (j, i)
            order += [(a, b) for a in groups[better] for b in groups[worse]]
    return tuple(order)


def with_joint_intervals(
    cells: Sequence[Cell | None], found: Mapping[int, Linear], width: float, again: Repeats
) -> tuple[Cell | None, ...]:
    """Cells with intervals of their differences to the first column that hold all together; of two or more differences. Columns
    that repeat another one (`again`) have its interval.

    Columns of other items than the first column's have no common distribution: Bonferroni over all columns.
    """
    moved = {i: c.difference for i, c in enumerate(cells) if c is not None and c.difference is not None and i not in again}
    tested = [i for i, difference in moved.items() if difference.error is not None]
    if len(tested) < 2:
        return tuple(cells)
    alike = [i for i in tested if 0 in found and i in found and np.isfinite(found[i].minus(found[0]).value[0])]
    parts = np.array([found[i].minus(found[0]).parts[0] for i in alike])
    bonferroni = len(alike) < len(tested)
    joint = {i: _joint(cells[i], parts, len(tested), bonferroni, width) for i in tested}
    return tuple(cell and replace(cell, joint=joint.get(again.get(i, i))) for i, cell in enumerate(cells))


def _joint(cell: Cell | None, parts: Floats, tests: int, bonferroni: bool, width: float) -> tuple[float, float] | None:
    from scipy.special import stdtrit

    difference = cell.difference if cell is not None else None
    change = difference.change() if difference is not None else None
    if difference is None or change is None:
        return None
    reach = stdtrit(difference.freedom, (1 + bonferroni_level(tests)) / 2)
    reach = float(reach if bonferroni else joint_quantile(parts, difference.freedom))
    low, high = (float(end[0]) for end in change.ends(reach))
    return (max(low, -width), min(high, width)) if width else (low, high)


def _same_answered(one: BenchmarkResult | None, other: BenchmarkResult | None) -> bool:
    return one is not None and other is not None and _answered(one) == _answered(other) and not other_items(one, other)


def _answered(result: BenchmarkResult) -> tuple[str, ...]:
    kept = compared_items(result.scores)
    return tuple(s.item_id if s.item_id in kept else "" for s in result.scores)


def _p(one: Linear, other: Linear, width: float) -> float | None:
    change = one.minus(other)
    return known(difference_interval(change, width)[2]) if np.isfinite(change.value[0]) else None
