"""Two sweeps over the same items: the difference, its uncertainty, and the smallest one that a table would detect.

Interval and p are of one statistic, t over images of each image's part in the difference, so that they never contradict each
other (`harness.core.stats.paired_change`). Chosen by simulation: docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.core.evaluation import Formula
from harness.core.flags import UNJUDGED
from harness.core.stats import (
    IMAGES,
    POWER,
    Change,
    Floats,
    Linear,
    Sample,
    change_of,
    difference_interval,
    evaluate,
    linearise,
    moving,
    possible,
    rank_biserial,
    why_no_test,
)
from reports.values.alike import Sides
from reports.values.common import Common, on_common_items

TEST = "t over images"


@dataclass(frozen=True, slots=True)
class Difference:
    """after - before over the items that both answered; None is unknown.

    effect: matched-pairs rank-biserial correlation of the clusters' parts in the difference (`_parts`), in [-1, 1]; None
    where many small parts move the other way than their sum.
    error, freedom: standard error of `value` and its degrees of freedom. slopes: how its variance grows below and above `value`
    (`Change.down` and `up`). `detectable` and joint intervals need them. why: why a difference with a value has no p.
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
    why: str = ""

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
    """Two sides on the items that both answered."""

    common: Common

    @property
    def before(self) -> Sample:
        return self.common.samples[0]

    @property
    def after(self) -> Sample:
        return self.common.samples[1]

    def counts(self, formula: Formula) -> tuple[int, int, int]:
        """How many items move this formula on either side, and how many items and groups are left out, see `Common`."""
        moved = moving(formula, self.before) | moving(formula, self.after)
        return int(moved.sum()), self.common.n_left_out(formula), self.common.n_groups_left_out(formula)


def unjudged_rows(there: Sides) -> list[Sample]:
    """The rows of the answers without a verdict, of each side that has any."""
    rows = [([i for i, score in enumerate(result.scores) if score.flag == UNJUDGED], sample) for result, sample in there]
    return [sample.rows(places) for places, sample in rows if places]


def counts_unjudged(formula: Formula, rows: Iterable[Sample]) -> bool:
    """Whether answers without a verdict (`unjudged_rows`) move the formula, as they do the share of answers that was judged."""
    return any(moving(formula, sample).any() for sample in rows)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Two sweeps of one benchmark matched in both ways; `of` gives the one over which a metric's difference is."""

    judged: Pair
    all: Pair
    unjudged: Sequence[Sample]

    def of(self, formula: Formula) -> Pair:
        """Over items that were judged on both sides; where answers without a verdict count for the metric, over all."""
        return self.all if counts_unjudged(formula, self.unjudged) else self.judged


def pairs(there: Sides) -> Pairs:
    """Match two sides by item in both ways. `there`: each side's result, and the samples of their scores, of equal names."""
    open_ = unjudged_rows(there)
    judged = Pair(on_common_items(there))
    return Pairs(judged, Pair(on_common_items(there, unjudged=True)) if open_ else judged, open_)


def differences(before: Sample, after: Sample, formulas: Sequence[Formula], units: str = IMAGES) -> tuple[Difference, ...]:
    """Paired differences of two sweeps. Rows must be about the same items in the same order, with equal `names`.

    units: what is resampled, in words.
    """
    return tuple(_difference(before, after, formula, units) for formula in formulas)


def change(before: Sample, after: Sample, formula: Formula) -> Linear:
    """The difference and each cluster's influence on it; both sides count the items that move either."""
    moved = moving(formula, before) | moving(formula, after)
    return linearise(formula, after, moved).minus(linearise(formula, before, moved))


def _difference(before: Sample, after: Sample, formula: Formula, units: str) -> Difference:
    found, width = change(before, after, formula), width_of(formula, before, after)
    value = known(found.value)
    tested = tested_change(found, width, units)
    if value is None or tested.p is None:
        return Difference(value, None, None, None, None, None, 0, "", why=tested.why)
    effect = rank_biserial(_parts(formula, before.names, before.totals, after.totals))
    if effect is not None and effect * value < 0:
        effect = None
    return replace(tested, effect=effect)


def tested_change(found: Linear, width: float, units: str = IMAGES) -> Difference:
    """A paired difference, N = 1, with its interval and test, or why it has none; without an effect size."""
    change = change_of(found, width)
    low, high, p = (known(side) for side in difference_interval(found, width, change))
    error, down, up = (float(x[0]) for x in (change.error, change.down, change.up))
    scatters = np.isfinite(error) and max(error, down, up) > 0
    freedom, value = float(found.freedom[0]), known(found.value)
    why = why_no_test(found, units) if value is not None and p is None else ""
    return Difference(value, low, high, p, None, error if scatters else None, freedom, TEST, (down, up), why)


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
