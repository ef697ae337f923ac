"""Can a checkpoint's "yes, 70 %" be trusted? Bins of p(yes) against the share of true yes.

For every benchmark whose addends are named "p<bin>/n", "p<bin>/p" and "p<bin>/yes": how many questions fall into the bin,
the sum of their p, how many are true. Intervals resample images as everywhere; a method's seeds are put together, their
answers about one image being one cluster.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.core.evaluation import Formula, Score, ratio
from harness.core.run_record import BenchmarkResult, SweepResult
from harness.core.stats import measure, sample
from reports.tables.results import benchmark_names, results_of
from reports.values.details import Bin, Reliability
from reports.values.table import Column, members

_COUNT = re.compile(r"(p\d+)/n")


def reliability(columns: Sequence[Column], sweeps: Sequence[SweepResult], short: Sequence[Column]) -> tuple[Reliability, ...]:
    """One entry for each column of the short table and benchmark with log-odds of yes."""
    found = []
    for name in benchmark_names(sweeps):
        results = results_of(sweeps, name)
        for label, places in members(columns, short):
            bins = _bins([r for i in places if (r := results[i]) is not None])
            if bins:
                found.append(Reliability(name, label, bins))
    return tuple(found)


def _bins(results: Sequence[BenchmarkResult]) -> tuple[Bin, ...]:
    clusters, scores = [], []
    for result in results:
        own = {item.id: item.cluster for item in result.items}
        scored = [score for score in result.scores if "log_odds" in score.values]
        clusters += [own[score.item_id] for score in scored]
        scores += scored
    names = {m[1] for score in scores for addend in score.values if (m := _COUNT.fullmatch(addend))}
    formulas = [formula for name in sorted(names, key=lambda n: int(n[1:])) for formula in _of_bin(name)]
    counted = [Score(s.item_id, {k: v for k, v in s.values.items() if k.split("/")[0] in names}) for s in scores]
    values = iter(measure(sample(clusters, counted), formulas))
    return tuple(
        Bin(p.n / len(results), p.value or 0.0, yes.value or 0.0, yes.low, yes.high)
        for p, yes in zip(values, values, strict=True)
    )


def _of_bin(name: str) -> tuple[Formula, Formula]:
    return ratio("p", [f"{name}/p"], [f"{name}/n"], unit="p"), ratio("yes", [f"{name}/yes"], [f"{name}/n"])
