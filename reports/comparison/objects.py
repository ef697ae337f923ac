"""Object by object: which are invented, how often and among what; which yes/no questions go wrong and how."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from harness.core.evaluation import Item, Score
from harness.core.run_record import BenchmarkResult, SweepResult
from reports.comparison.metric_table import benchmark_names, results_of
from reports.values.details import ObjectCount
from reports.values.table import Column, members

MOST = 24  # objects a benchmark; those that go wrong most often


def objects(columns: Sequence[Column], sweeps: Sequence[SweepResult], short: Sequence[Column]) -> tuple[ObjectCount, ...]:
    """Counts of every object of every benchmark and column of the short table, worst objects first."""
    found: list[ObjectCount] = []
    for name in benchmark_names(sweeps):
        results = results_of(sweeps, name)
        spanned = any(s.spans for r in results if r for s in r.scores)
        asked = {} if spanned else {i.id: r.subject(i) for r in results if r for i in r.items}
        counted = [
            (label, _mean([_of_spans(r) if spanned else _of_questions(r, asked) for r in those]))
            for label, places in members(columns, short)
            if (those := [r for i in places if (r := results[i]) is not None])
        ]
        for object_name in _worst(by_object for _, by_object in counted):
            found += [
                ObjectCount(name, object_name, label, *by_object.get(object_name, ({}, {}))) for label, by_object in counted
            ]
    return tuple(found)


_Counts = dict[str, tuple[dict[str, float], dict[str, int]]]  # object -> (counts, true objects around its inventions)


def _mean(seeds: Sequence[_Counts]) -> _Counts:
    """Counts as means over seeds; the objects around, all seeds together."""
    if len(seeds) == 1:
        return seeds[0]
    together: _Counts = {}
    for object_name in dict.fromkeys(object_name for counts in seeds for object_name in counts):
        here = [counts.get(object_name, ({}, {})) for counts in seeds]
        kinds = sorted({kind for counts, _ in here for kind in counts})
        around: Counter[str] = Counter()
        for _, beside in here:
            around.update(beside)
        means = {kind: sum(counts.get(kind, 0) for counts, _ in here) / len(here) for kind in kinds}
        together[object_name] = means, _most_often(around)
    return together


def _of_questions(result: BenchmarkResult, asked: dict[str, str]) -> _Counts:
    """The confusion of each object that a yes/no question asks about."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for score in result.scores:
        object_name = asked.get(score.item_id, "")
        if object_name and score.correct is not None and score.reading in ("yes", "no"):
            counts[object_name][("t" if score.correct else "f") + ("p" if score.reading == "yes" else "n")] += 1
    return {object_name: (dict(sorted(c.items())), {}) for object_name, c in counts.items()}


def _of_spans(result: BenchmarkResult) -> _Counts:
    """Right and invented mentions of each object, and what truly is in the images where it was invented."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    around: defaultdict[str, Counter[str]] = defaultdict(Counter)
    items = {item.id: item for item in result.items}
    for score in result.scores:
        there = _true_objects(items.get(score.item_id), score)
        for span in score.spans:
            if span.node and span.kind in ("found", "invented"):
                counts[span.node][span.kind] += 1
        for object_name in {span.node for span in score.spans if span.kind == "invented" and span.node}:
            around[object_name].update(there)
    return {object_name: (dict(sorted(c.items())), _most_often(around[object_name])) for object_name, c in counts.items()}


def _most_often(objects: Counter[str]) -> dict[str, int]:
    """All of them, the most frequent first: who adds up several columns must not add lists that were cut."""
    return dict(sorted(objects.items(), key=lambda kv: (-kv[1], kv[0])))


def _true_objects(item: Item | None, score: Score) -> set[str]:
    listed = item.truth.get("objects") if item else None
    if isinstance(listed, list | tuple):
        return {str(object_name) for object_name in listed}
    return {span.node for span in score.spans if span.kind == "found"}


def _worst(counted: Iterable[_Counts]) -> list[str]:
    wrong: defaultdict[str, float] = defaultdict(float)
    for by_object in counted:
        for object_name, (counts, _) in by_object.items():
            wrong[object_name] += counts.get("invented", 0) + counts.get("fp", 0) + counts.get("fn", 0)
    return [object_name for object_name, n in sorted(wrong.items(), key=lambda kv: (-kv[1], kv[0])) if n][:MOST]
