"""Several checkpoints' answers to one benchmark, over the items that all of them answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.core.evaluation import Formula
from harness.core.flags import UNJUDGED
from harness.core.run_record import BenchmarkResult
from harness.core.stats import Linear, Sample, linearise, moving
from reports.values.alike import alike
from reports.values.common import Common, on_common_items
from reports.values.paired import Difference, counts_unjudged, unjudged_rows
from reports.values.table import Cell


class CommonItems:
    """Samples of equal names, one a checkpoint (or wording), cut to the items that all of them answered."""

    def __init__(self, measured: Sequence[tuple[BenchmarkResult, Sample]]) -> None:
        """`measured`: what each of them has; empty where one of them lacks the benchmark."""
        self._measured = measured
        self._unjudged = unjudged_rows(measured)
        self._found: dict[bool, Common] = {}

    @property
    def units(self) -> str:
        """What statistics resample, see `BenchmarkResult`."""
        return self._measured[0][0].units if self._measured else ""

    def samples(self, formula: Formula) -> list[Sample]:
        """In the order of `measured`; empty where no item is common."""
        common = self._common(formula)
        return common.samples if common and len(common.samples[0]) else []

    def n(self, formula: Formula) -> int:
        """How many common items move the formula in any of them."""
        return int(self._moving(formula).sum()) if self.samples(formula) else 0

    def compared(self, cell: Cell, formula: Formula, difference: Difference, joint: tuple[float, float] | None) -> Cell:
        """The cell with this difference, and over how many items it is."""
        n, (items, groups) = self.n(formula), self._left_out(formula)
        return replace(cell, difference=difference, joint=joint, n_paired=n, n_left_out=items, n_groups_left_out=groups)

    def not_compared(self, cell: Cell, formula: Formula) -> Cell:
        """The cell without a difference, and what is left out where no item, or no group, is common."""
        items, groups = self._left_out(formula)
        items, groups = 0 if self.samples(formula) else items, 0 if self.n(formula) else groups
        return replace(cell, difference=None, joint=None, n_paired=0, n_left_out=items, n_groups_left_out=groups)

    def _left_out(self, formula: Formula) -> tuple[int, int]:
        """How many items only some of them answered, and groups of items that lack a common member."""
        common = self._common(formula)
        return (common.n_alone, common.n_groups_left_out(formula)) if common else (0, 0)

    def judged(self) -> tuple[int, int]:
        """How many items all of them answered, and of these how many have a verdict everywhere; (0, 0) where all have."""
        sides = [result.scores for result, _ in alike(self._measured)] if self._measured else []
        answered = set.intersection(*({score.item_id for score in scores} for scores in sides)) if sides else set()
        open_ = answered & {score.item_id for scores in sides for score in scores if score.flag == UNJUDGED}
        return (len(answered), len(answered - open_)) if open_ else (0, 0)

    def linear(self, formula: Formula) -> list[Linear]:
        """The metric of each, all over the same items; empty where no item is common or one of them has no value."""
        samples = self.samples(formula)
        if not samples:
            return []
        moved = self._moving(formula)
        found = [linearise(formula, sample, moved) for sample in samples]
        return found if all(np.isfinite(one.value[0]) for one in found) else []

    def _moving(self, formula: Formula) -> NDArray[np.bool_]:
        moved: NDArray[np.bool_] = np.any([moving(formula, sample) for sample in self.samples(formula)], axis=0)
        return moved

    def _common(self, formula: Formula) -> Common | None:
        unjudged = counts_unjudged(formula, self._unjudged)
        if self._measured and unjudged not in self._found:
            self._found[unjudged] = on_common_items(self._measured, unjudged)
        return self._found.get(unjudged)


def why_of_seeds(reasons: Iterable[tuple[str, str]]) -> str:
    """'no object was mentioned (dpo-seed1); not measured (dpo-seed2)', of pairs (seed, reason; "": not measured)."""
    seeds: dict[str, list[str]] = {}
    for label, why in reasons:
        seeds.setdefault(why or "not measured", []).append(label)
    return "; ".join(f"{why} ({', '.join(labels)})" for why, labels in seeds.items())
