"""Values that a metric cannot have: an accuracy of 150, where a scorer counts in per cent what its formula calls a share."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from harness.core.evaluation import Formula
from harness.core.run_record import BenchmarkResult
from harness.core.stats.measuring import scale_of
from harness.core.stats.samples import evaluate
from reports.text.formatting import title_of

_ROUNDING = 1e-9


def out_of_range(label: str, result: BenchmarkResult) -> Iterator[str]:
    """What is said of each metric of a column whose value is beyond what its unit and bounds allow."""
    sums = dict[str, float]()
    for score in result.scores:
        for name, addend in score.values.items():
            sums[name] = sums.get(name, 0.0) + float(addend)  # text, where a numpy number was stored so
    for formula in result.formulas:
        value, (low, high) = _value(formula, sums), scale_of(formula.unit, formula.bounds)
        if value is None or low - _ROUNDING <= value <= high + _ROUNDING:
            continue
        named = f"{title_of(result.benchmark)} {formula.name}{f' [{formula.group}]' if formula.group else ''}"
        said = f'its unit "{formula.unit}"' if formula.bounds is None else "its bounds"
        yield (
            f"{named} of {label} is {value:.6g}, which is not from {low:g} to {high:g} as {said} states: scorer and formula do "
            'not fit together, so that the number means something else. Another scale needs unit="points", or bounds.'
        )


def _value(formula: Formula, sums: dict[str, float]) -> float | None:
    try:
        value = float(evaluate(formula, list(sums), np.array([list(sums.values())]))[0])
    except (ArithmeticError, TypeError, ValueError):  # of stored scores of another version
        return None
    return value if math.isfinite(value) else None
