"""Hallucination against length: a model that writes less invents less, so answers of equal length are compared.

Each column's answers are cut into four groups of equal size by their number of words; the hallucination metric of a
group stands over the group's mean length, with an interval that resamples images as everywhere. The seeds of a method
are put together: their answers about one image are one cluster.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from statistics import median_high

import numpy as np

from harness.core.digests import text_digest
from harness.core.evaluation import Formula, Score
from harness.core.final_answer import final_answer
from harness.core.run_record import BenchmarkResult, SweepResult
from harness.core.stats import measure, sample
from reports.tables.results import benchmark_names, results_of
from reports.tables.roles import HALLUCINATION
from reports.text.formatting import name as words
from reports.text.formatting import title_of
from reports.values.comparison import Curve
from reports.values.table import Column, members

_GROUPS = 4
_FEWEST = 8  # items a group, below which a group tells nothing
_LONG = 3  # words: a benchmark of yes and no has no lengths to speak of


def length_curves(columns: Sequence[Column], sweeps: Sequence[SweepResult], short: Sequence[Column]) -> tuple[Curve, ...]:
    """One curve a column of the short table for every benchmark with a hallucination metric; shares in per cent."""
    found = []
    for name in benchmark_names(sweeps):
        results = results_of(sweeps, name)
        for label, places in members(columns, short):
            those = [r for i in places if (r := results[i]) is not None]
            formula = next((f for r in those for f in r.formulas if f.role == HALLUCINATION), None)
            if formula and (curve := _curve(name, those, formula, label)):
                found.append(curve)
    return tuple(found)


def _curve(benchmark: str, results: Sequence[BenchmarkResult], formula: Formula, column: str) -> Curve | None:
    said = [entry for result in results for entry in _said(result)]
    if len(said) < _GROUPS * _FEWEST or median_high(length for length, *_ in said) <= _LONG:
        return None
    scale = 100 if formula.unit == "share" else 1
    points = []
    for some in _groups(said):
        (metric,) = measure(sample([cluster for _, cluster, _ in some], [score for *_, score in some]), [formula])
        if metric.value is not None and metric.low is not None and metric.high is not None:
            length = float(np.mean([words for words, *_ in some]))
            points.append((length, scale * metric.value, scale * metric.low, scale * metric.high))
    if len(points) < 2:
        return None
    x, y, low, high = (tuple(axis) for axis in zip(*points, strict=True))
    label = f"{formula.title or words(formula.name)} by length of answer" + (" (%)" if scale == 100 else "")
    return Curve(_once(benchmark, label), column, x, y, low, high)


def _groups(said: Iterable[tuple[int, Hashable, Score]]) -> list[list[tuple[int, Hashable, Score]]]:
    """Groups of equal size by length; answers of one length are told apart by their ids, not by the file's order."""
    ordered = sorted(said, key=lambda entry: (entry[0], text_digest(entry[2].item_id)))
    return [[ordered[i] for i in group] for group in np.array_split(np.arange(len(ordered)), _GROUPS)]


def _said(result: BenchmarkResult) -> list[tuple[int, Hashable, Score]]:
    """(words, cluster, score) of every scored answer."""
    words = {answer.item_id: len(final_answer(answer.text).text.split()) for answer in result.answers}
    clusters = {item.id: item.cluster for item in result.items}
    return [(words[s.item_id], clusters[s.item_id], s) for s in result.scores if s.values and s.item_id in words]


def _once(benchmark: str, label: str) -> str:
    return label if label.startswith(title_of(benchmark)) else f"{title_of(benchmark)}: {label}"
