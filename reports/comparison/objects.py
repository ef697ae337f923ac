"""Object by object: which are invented, how often and among what; which yes/no questions go wrong and how."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.core.evaluation import Item, Score
from harness.core.run_record import BenchmarkResult, SweepResult
from reports.tables.results import benchmark_names, results_of
from reports.values.details import OBJECT, QUESTION_TYPE, ObjectCount
from reports.values.table import Column, members

MOST = 24  # objects a benchmark; those that go wrong most often
UNREAD = "unread"
_LABELS, _WRONG = ("yes", "no"), ("invented", "fp", "fn", UNREAD)


def objects(columns: Sequence[Column], sweeps: Sequence[SweepResult], short: Sequence[Column]) -> tuple[ObjectCount, ...]:
    """Counts of every object of every benchmark and column of the short table, worst objects first; then the same of the
    types of yes/no questions that do not ask whether an object is there."""
    found: list[ObjectCount] = []
    for name in benchmark_names(sweeps):
        results = results_of(sweeps, name)
        spanned = any(s.spans for r in results if r for s in r.scores)
        for about, count in ((OBJECT, _of_spans),) if spanned else _QUESTIONS:
            counted = [
                (label, _mean([count(r) for r in those]))
                for label, places in members(columns, short)
                if (those := [r for i in places if (r := results[i]) is not None])
            ]
            for subject in _worst(by_subject for _, by_subject in counted):
                found += [ObjectCount(name, subject, label, *by.get(subject, ({}, {})), about) for label, by in counted]
    return tuple(found)


_Counts = dict[str, tuple[dict[str, float], dict[str, float]]]  # object -> (counts, true objects around its inventions)


def _mean(seeds: Sequence[_Counts]) -> _Counts:
    """Counts as means over seeds, those of the objects around too."""
    if len(seeds) == 1:
        return seeds[0]
    together: _Counts = {}
    for object_name in dict.fromkeys(object_name for counts in seeds for object_name in counts):
        here = [counts.get(object_name, ({}, {})) for counts in seeds]
        kinds = sorted({kind for counts, _ in here for kind in counts})
        means = {kind: sum(counts.get(kind, 0) for counts, _ in here) / len(here) for kind in kinds}
        names = {name for _, beside in here for name in beside}
        around = {name: sum(beside.get(name, 0) for _, beside in here) / len(here) for name in names}
        together[object_name] = means, _most_often(around)
    return together


def _of_questions(result: BenchmarkResult, subject: Callable[[Item], str]) -> _Counts:
    """The confusion of yes/no questions by what they ask about, "unread": neither a yes nor a no; questions with another label
    than yes or no do not count, nor those whose reading is a judge's word on the answer."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    items = {item.id: item for item in result.items}
    for score in result.scores:
        item = items.get(score.item_id)
        if item is None or score.correct is None or score.verdict or result.reference(item) not in _LABELS:
            continue
        if name := subject(item):
            said = score.reading.lower()  # AMBER's are written Yes and No
            cell = ("t" if score.correct else "f") + ("p" if said == "yes" else "n")
            counts[name][cell if said in _LABELS else UNREAD] += 1
    return {name: (dict(sorted(c.items())), {}) for name, c in counts.items()}


def _by_object(result: BenchmarkResult) -> _Counts:
    return _of_questions(result, result.asked_object)


def _by_type(result: BenchmarkResult) -> _Counts:
    return _of_questions(result, lambda item: "" if result.asked_object(item) == result.subject(item) else result.subject(item))


_QUESTIONS: tuple[tuple[str, Callable[[BenchmarkResult], _Counts]], ...] = ((OBJECT, _by_object), (QUESTION_TYPE, _by_type))


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


def _most_often(objects: Mapping[str, float]) -> dict[str, float]:
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
            wrong[object_name] += sum(counts.get(kind, 0) for kind in _WRONG)
    return [object_name for object_name, n in sorted(wrong.items(), key=lambda kv: (-kv[1], kv[0])) if n][:MOST]
