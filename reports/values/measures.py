"""Which formula a metric has where checkpoints were measured on other parts of a benchmark: POPE's accuracy is the mean over
the splits of a sweep, so that the same name is another measure in a sweep of one split."""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.evaluation import Formula
from harness.core.run_record import BenchmarkResult

Key = tuple[str, str]  # name and group


def measures(results: Iterable[BenchmarkResult | None]) -> dict[Key, Formula]:
    """The formulas of all results by name and group, in order of appearance; of those of one name that have other parts, the
    one with the most, so that which result comes first has no say. Of as many, the first."""
    found: dict[Key, Formula] = {}
    for result in results:
        for formula in result.formulas if result is not None else ():
            key = (formula.name, formula.group)
            if len(formula.parts) > len(found.setdefault(key, formula).parts):
                found[key] = formula
    return found


def own_measures(result: BenchmarkResult, of: dict[Key, Formula]) -> list[Formula]:
    """The result's formulas, with that of `measures` in the place of one that has other parts: a value under the name of a mean
    over three splits is of three splits, or unknown."""
    chosen = ((f, of[f.name, f.group]) for f in result.formulas)
    return [own if _parts(own) == _parts(whole) else whole for own, whole in chosen]


def _parts(formula: Formula) -> list[Key]:
    return [(part.name, part.group) for part in formula.parts]
