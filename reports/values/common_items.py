"""Several checkpoints' answers to one benchmark, over the items that all of them answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.core.evaluation import Formula
from harness.core.flags import UNJUDGED
from harness.core.run_record import BenchmarkResult
from harness.core.stats import Linear, Sample, linearise, moving
from reports.values.paired import counts_unjudged, on_common_items, unjudged_rows


class CommonItems:
    """Samples of equal names, one a checkpoint (or wording), cut to the items that all of them answered."""

    def __init__(self, measured: Sequence[tuple[BenchmarkResult, Sample]]) -> None:
        """`measured`: what each of them has; empty where one of them lacks the benchmark."""
        self._measured = measured
        self._unjudged = unjudged_rows((result.scores, sample) for result, sample in measured)
        self._found: dict[bool, tuple[list[Sample], int]] = {}

    @property
    def units(self) -> str:
        """What statistics resample, see `BenchmarkResult`."""
        return self._measured[0][0].units if self._measured else ""

    def samples(self, formula: Formula) -> list[Sample]:
        """In the order of `measured`; empty where no item is common."""
        return self._common(formula)[0]

    def n_left_out(self, formula: Formula) -> int:
        """How many items only some of them answered."""
        return self._common(formula)[1]

    def n(self, formula: Formula) -> int:
        """How many common items move the formula in any of them."""
        return int(self._moving(formula).sum()) if self.samples(formula) else 0

    def judged(self) -> tuple[int, int]:
        """How many items all of them answered, and of these how many have a verdict everywhere; (0, 0) where all have."""
        ids = [{score.item_id for score in result.scores} for result, _ in self._measured]
        answered = set.intersection(*ids) if ids else set()
        open_ = answered & {s.item_id for result, _ in self._measured for s in result.scores if s.flag == UNJUDGED}
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

    def _common(self, formula: Formula) -> tuple[list[Sample], int]:
        unjudged = counts_unjudged(formula, self._unjudged)
        if unjudged not in self._found:
            self._found[unjudged] = on_common_items(self._measured, unjudged) if self._measured else ([], 0)
        return self._found[unjudged]


def why_of_seeds(reasons: Iterable[tuple[str, str]]) -> str:
    """'no object was mentioned (dpo-seed1); not measured (dpo-seed2)', of pairs (seed, reason; "": not measured)."""
    seeds: dict[str, list[str]] = {}
    for label, why in reasons:
        seeds.setdefault(why or "not measured", []).append(label)
    return "; ".join(f"{why} ({', '.join(labels)})" for why, labels in seeds.items())
