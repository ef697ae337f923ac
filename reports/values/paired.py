"""Two sweeps over the same items: the difference, its uncertainty, and the smallest one that a table would detect.

The p of a difference is the larger of two: the bootstrap's (it agrees with the interval, and holds when the sides
differ in their denominators) and that of swapping sides cluster by cluster (exact for few changes, where the
bootstrap is too narrow). Where clusters are single right-or-wrong items it is McNemar's exact test. What resamples are
too few to count (under 10 of 10,000) is read off the normal tail, which bounds sums of coin-signed terms up to a small
factor (Pinelis 1994); else no p could fall below 0.0001 and a large table could show nothing after Holm's correction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.core.evaluation import Formula, Score
from harness.core.stats import (
    FEWEST_CLUSTERS,
    LEAST_P,
    POWER,
    Floats,
    Sample,
    clusters_of,
    evaluate,
    interval,
    items_counted,
    mcnemar,
    moving,
    rank_biserial,
    swap,
)

_FEW = 10  # resamples beyond the value, below which their count tells little


@dataclass(frozen=True, slots=True)
class Difference:
    """after - before over the items that both answered; None is unknown.

    effect: matched-pairs rank-biserial correlation of the clusters' parts in the difference (`_parts`), in [-1, 1]; None
    where many small parts move the other way than their sum.
    error, freedom: standard error of `value` and its degrees of freedom; `detectable` needs them.
    """

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    effect: float | None
    error: float | None
    freedom: float
    test: str

    def detectable(self, alpha: float) -> float | None:
        """The smallest true difference that a two-sided test at `alpha` would show with a chance of 80 %."""
        from scipy.special import stdtrit

        if self.error is None:
            return None
        return float(stdtrit(self.freedom, 1 - alpha / 2) + stdtrit(self.freedom, POWER)) * self.error


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two samples of the same items in the same order, and those of the items that only one side answered."""

    before: Sample
    after: Sample
    left_out: tuple[Sample, ...] = ()

    def counts(self, formula: Formula) -> tuple[int, int]:
        """How many items move this formula on either side, and how many that only one side answered."""
        moved = moving(formula, self.before) | moving(formula, self.after)
        return int(moved.sum()), sum(items_counted(formula, side) for side in self.left_out)


def pair(old: Sequence[Score], before: Sample, new: Sequence[Score], after: Sample) -> Pair:
    """Match scores by item; a score without values (unjudged, say) counts as no answer.

    `before` and `after` are the samples of these scores, with equal `names`.
    """
    alike = len(old) == len(new) and all(a.item_id == b.item_id for a, b in zip(old, new, strict=True))
    if alike and all(s.values for s in old) and all(s.values for s in new):
        return Pair(before, after)  # the usual case; their resamples are drawn already
    left, right = ({s.item_id: i for i, s in enumerate(scores) if s.values} for scores in (old, new))
    both = [item for item in right if item in left]
    left_out = (before.rows([left[i] for i in left if i not in right]), after.rows([right[i] for i in right if i not in left]))
    old_rows, new_rows = before.rows([left[i] for i in both]), after.rows([right[i] for i in both])
    shared = Sample(before.names, old_rows.values, new_rows.cluster)  # an item is of one image, whoever answered
    return Pair(shared, new_rows, left_out)


def differences(before: Sample, after: Sample, formulas: Sequence[Formula]) -> tuple[Difference, ...]:
    """Paired differences of two sweeps. Rows must be about the same items in the same order, with equal `names`."""
    old, new, names = before.totals, after.totals, before.names
    moved = swap(new - old)
    sides = (
        (old.sum(0, keepdims=True), new.sum(0, keepdims=True)),
        (before.drawn, after.drawn),
        (old.sum(axis=0) + moved, new.sum(axis=0) - moved),
    )
    single = before.n_clusters == len(before)
    found = []
    for formula in formulas:
        value, shifts, nulls = (evaluate(formula, names, right) - evaluate(formula, names, left) for left, right in sides)
        each = evaluate(formula, names, old), evaluate(formula, names, new)
        n_clusters = clusters_of(before, moving(formula, before) | moving(formula, after))
        effect = rank_biserial(_parts(formula, names, old, new))
        found.append(_difference(float(value[0]), shifts, nulls, each, effect, single, n_clusters))
    return tuple(found)


def _parts(formula: Formula, names: Sequence[str], old: Floats, new: Floats) -> Floats:
    """What each cluster adds to the difference, (G,): 0 for one that did not change.

    The metric's change when this cluster's answers alone become the new ones, and when they alone stay the old ones, in the
    mean. For a mean over clusters of one size it is the cluster's own change; a metric of all items (ECE) has parts too.
    """
    before, after, change = old.sum(axis=0, keepdims=True), new.sum(axis=0, keepdims=True), new - old
    first = evaluate(formula, names, before + change) - evaluate(formula, names, before)
    last = evaluate(formula, names, after) - evaluate(formula, names, after - change)
    return (first + last) / 2


def _difference(
    value: float,
    shifts: Floats,
    nulls: Floats,
    each: tuple[Floats, Floats],
    effect: float | None,
    single: bool,
    n_clusters: int,
) -> Difference:
    if not np.isfinite(value) or n_clusters < FEWEST_CLUSTERS:
        return Difference(float(value) if np.isfinite(value) else None, None, None, None, None, None, 0, "")
    low, high = interval(shifts, n_clusters)
    if effect is not None and effect * value < 0:
        effect = None
    known = shifts[np.isfinite(shifts)]
    error = float(known.std()) if low is not None else None
    p: float | None
    right_or_wrong = single and all(np.isin(side, (0.0, 1.0)).all() for side in each)
    if right_or_wrong and np.isclose(value, (each[1] - each[0]).mean()):
        p, test = mcnemar(int((each[1] > each[0]).sum()), int((each[1] < each[0]).sum())), "McNemar, exact"
    else:
        p = None if low is None else max(_p_of_shifts(value, known, n_clusters), _p_of_nulls(value, nulls))
        test = "bootstrap and swaps of images"
    return Difference(value, low, high, None if p is None else max(p, LEAST_P), effect, error, n_clusters - 1, test)


def _p_of_shifts(value: float, shifts: Floats, n_clusters: int) -> float:
    """The p at which the widened interval just touches 0."""
    from scipy.special import ndtri, stdtr

    crossed = min((shifts <= 0).sum(), (shifts >= 0).sum())
    z = ndtri(min((1 + crossed) / (1 + len(shifts)), 0.5))
    counted = float(2 * stdtr(n_clusters - 1, z * np.sqrt((n_clusters - 1) / n_clusters)))
    error = float(shifts.std())
    if crossed >= _FEW or not error:
        return counted
    return min(counted, float(2 * stdtr(n_clusters - 1, -abs(value) / error)))


def _p_of_nulls(value: float, nulls: Floats) -> float:
    from scipy.special import ndtr

    known = nulls[np.isfinite(nulls)]
    reached = int((np.abs(known) >= abs(value) - 1e-12).sum())
    counted = (1 + reached) / (1 + len(known))
    scatter = float(np.sqrt((known**2).mean())) if len(known) else 0.0
    if reached >= _FEW or not scatter:
        return counted
    return min(counted, float(2 * ndtr(-abs(value) / scatter)))
