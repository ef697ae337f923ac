"""One benchmark in all columns: its results, and the samples that metrics and tests are computed from."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.run_record import BenchmarkResult, SweepResult
from harness.core.stats import Sample, addend_names, sample

Results = Sequence[BenchmarkResult | None]


def benchmark_names(sweeps: Sequence[SweepResult]) -> list[str]:
    """All benchmarks in order of appearance."""
    return list(dict.fromkeys(result.benchmark for sweep in sweeps for result in sweep.results))


def results_of(sweeps: Sequence[SweepResult], benchmark: str) -> list[BenchmarkResult | None]:
    """That benchmark's result in each sweep, None where it is missing."""
    return [next((r for r in sweep.results if r.benchmark == benchmark), None) for sweep in sweeps]


def samples_of(results: Results) -> list[Sample | None]:
    """One sample a column, all with the same names, in the order of the columns."""
    names = addend_names(score for result in results if result for score in result.scores)
    samples: list[Sample | None] = []
    for result in results:
        clusters = {item.id: item.cluster for item in result.items} if result else {}
        samples.append(sample([clusters[s.item_id] for s in result.scores], result.scores, names) if result else None)
    return samples
