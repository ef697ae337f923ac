"""Two sweeps over the same items: the difference, its uncertainty, and the smallest one that a table would detect.

Interval and p are of one statistic, t over images of each image's part in the difference, so that they never contradict each
other (`harness.core.stats.paired_change`). Chosen by simulation: docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.core.evaluation import Formula, Score
from harness.core.flags import UNJUDGED
from harness.core.run_record import BenchmarkResult
from harness.core.stats import (
    POWER,
    Change,
    Floats,
    Linear,
    Sample,
    change_of,
    difference_interval,
    evaluate,
    items_counted,
    linearise,
    moving,
    possible,
    rank_biserial,
)

TEST = "t over images"


@dataclass(frozen=True, slots=True)
class Difference:
    """after - before over the items that both answered; None is unknown.

    effect: matched-pairs rank-biserial correlation of the clusters' parts in the difference (`_parts`), in [-1, 1]; None
    where many small parts move the other way than their sum.
    error, freedom: standard error of `value` and its degrees of freedom. slopes: how its variance grows below and above `value`
    (`Change.down` and `up`). `detectable` and joint intervals need them.
    """

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    effect: float | None
    error: float | None
    freedom: float
    test: str
    slopes: tuple[float, float] = (0.0, 0.0)

    def detectable(self, alpha: float) -> float | None:
        """The smallest true difference that a two-sided test at `alpha` would show with a chance of 80 %."""
        from scipy.special import stdtrit

        moved = self.change()
        quantile = float(stdtrit(self.freedom, 1 - alpha / 2) + stdtrit(self.freedom, POWER))
        return float(moved.at_least(quantile)[0]) if moved is not None else None

    def change(self) -> Change | None:
        """Value and error as one; None where there is no error."""
        if self.value is None or self.error is None:
            return None
        return Change(*(np.array([x]) for x in (self.value, self.error, *self.slopes)))


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


def compared_items(scores: Sequence[Score], unjudged: bool = False) -> dict[str, int]:
    """Item -> place of its score, of those that a difference may be made of: a score without values counts as no answer, and
    one that no judge has judged too, but for a formula of `counts_unjudged`."""
    return {s.item_id: i for i, s in enumerate(scores) if s.values and (unjudged or s.flag != UNJUDGED)}


def unjudged_rows(there: Iterable[tuple[Sequence[Score], Sample]]) -> list[Sample]:
    """The rows of the answers without a verdict, of each side that has any."""
    rows = [([i for i, score in enumerate(scores) if score.flag == UNJUDGED], sample) for scores, sample in there]
    return [sample.rows(places) for places, sample in rows if places]


def counts_unjudged(formula: Formula, rows: Iterable[Sample]) -> bool:
    """Whether answers without a verdict (`unjudged_rows`) move the formula, as they do the share of answers that was judged."""
    return any(moving(formula, sample).any() for sample in rows)


def pair(old: Sequence[Score], before: Sample, new: Sequence[Score], after: Sample, unjudged: bool = False) -> Pair:
    """Match scores by item, see `compared_items`.

    `before` and `after` are the samples of these scores, with equal `names`.
    """
    left, right = (compared_items(scores, unjudged) for scores in (old, new))
    if list(left) == list(right) and len(left) == len(old) and len(right) == len(new):
        return Pair(before, after)  # the usual case; their resamples are drawn already
    both = [item for item in right if item in left]
    left_out = (before.rows([left[i] for i in left if i not in right]), after.rows([right[i] for i in right if i not in left]))
    old_rows, new_rows = before.rows([left[i] for i in both]), after.rows([right[i] for i in both])
    shared = Sample(before.names, old_rows.values, new_rows.cluster)  # an item is of one image, whoever answered
    return Pair(shared, new_rows, left_out)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Two sweeps of one benchmark matched in both ways; `of` gives the one over which a metric's difference is."""

    judged: Pair
    all: Pair
    unjudged: Sequence[Sample]

    def of(self, formula: Formula) -> Pair:
        """Over items that were judged on both sides; where answers without a verdict count for the metric, over all."""
        return self.all if counts_unjudged(formula, self.unjudged) else self.judged


def pairs(old: Sequence[Score], before: Sample, new: Sequence[Score], after: Sample) -> Pairs:
    """Match scores by item in both ways; arguments as for `pair`."""
    open_ = unjudged_rows(((old, before), (new, after)))
    judged = pair(old, before, new, after)
    return Pairs(judged, pair(old, before, new, after, unjudged=True) if open_ else judged, open_)


def differences(before: Sample, after: Sample, formulas: Sequence[Formula]) -> tuple[Difference, ...]:
    """Paired differences of two sweeps. Rows must be about the same items in the same order, with equal `names`."""
    return tuple(_difference(before, after, formula) for formula in formulas)


def change(before: Sample, after: Sample, formula: Formula) -> Linear:
    """The difference and each cluster's influence on it; both sides count the items that move either."""
    moved = moving(formula, before) | moving(formula, after)
    return linearise(formula, after, moved).minus(linearise(formula, before, moved))


def _difference(before: Sample, after: Sample, formula: Formula) -> Difference:
    found, width = change(before, after, formula), width_of(formula, before, after)
    value = known(found.value)
    tested = tested_change(found, width)
    if value is None or tested.p is None:
        return Difference(value, None, None, None, None, None, 0, "")
    effect = rank_biserial(_parts(formula, before.names, before.totals, after.totals))
    if effect is not None and effect * value < 0:
        effect = None
    return replace(tested, effect=effect)


def tested_change(found: Linear, width: float) -> Difference:
    """A paired difference, N = 1, with its interval and test; without an effect size."""
    change = change_of(found, width)
    low, high, p = (known(side) for side in difference_interval(found, width, change))
    error, down, up = (float(x[0]) for x in (change.error, change.down, change.up))
    scatters = np.isfinite(error) and max(error, down, up) > 0
    freedom = float(found.freedom[0])
    return Difference(known(found.value), low, high, p, None, error if scatters else None, freedom, TEST, (down, up))


def width_of(formula: Formula, *samples: Sample) -> float:
    """Of the range of which all of them are shares by definition, beyond which no difference is; 0 where one is not."""
    return min((possible(formula, one).width for one in samples), default=0.0)


def known(values: Floats) -> float | None:
    """The only value, None where it is not finite."""
    return float(values[0]) if np.isfinite(values[0]) else None


def _parts(formula: Formula, names: Sequence[str], old: Floats, new: Floats) -> Floats:
    """What each cluster adds to the difference, (G,): 0 for one that did not change.

    The metric's change when this cluster's answers alone become the new ones, and when they alone stay the old ones, in the
    mean. For a mean over clusters of one size it is the cluster's own change; a metric of all items (ECE) has parts too.
    """
    before, after, change = old.sum(axis=0, keepdims=True), new.sum(axis=0, keepdims=True), new - old
    first = evaluate(formula, names, before + change) - evaluate(formula, names, before)
    last = evaluate(formula, names, after) - evaluate(formula, names, after - change)
    return (first + last) / 2


def on_common_items(there: Sequence[tuple[BenchmarkResult, Sample]], unjudged: bool = False) -> tuple[list[Sample], int]:
    """The samples on the items that all answered (`compared_items`), in the baseline's order, and how many that leaves out."""
    places = [compared_items(result.scores, unjudged) for result, _ in there]
    common = [item for item in places[0] if all(item in place for place in places[1:])]
    left_out = len({item for place in places for item in place}) - len(common)
    if all(list(place) == common for place in places) and all(len(r.scores) == len(common) for r, _ in there):
        return [sample for _, sample in there], 0  # the usual case
    if not common:
        return [], left_out
    rows = [sample.rows([place[item] for item in common]) for place, (_, sample) in zip(places, there, strict=True)]
    return [Sample(sample.names, sample.values, rows[0].cluster) for sample in rows], left_out
