"""Headline metrics with disputed labels settled: the worst and the best value that the reviewers can still give each of them.

Most metrics are best where every disputed label is settled for the answer and worst where it is settled against it. Not all:
BEAF's ID counts answers whose rightness changed from one image to another. So, from both of these settlements on, the labels of
one cluster after the other are settled otherwise wherever that leads farther out, until nothing does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from harness.audit.rescore_result import Replayed, rescored
from harness.core.evaluation import Formula, Item, LabelEdit, Score
from harness.core.flags import UNJUDGED
from harness.core.run_record import AS_WRITTEN, BenchmarkResult
from harness.core.stats import evaluate
from harness.evaluation.scoring import score_answer
from harness.labels.claims import Auditable, ResultKey
from harness.labels.labelled_items import LabelledItems
from reports.values.label_audit import Bound

_TOGETHER = 4  # disputed labels of a cluster up to which all of their settlements are tried; of more, one label after the other
_PASSES = 20
_LEAST = 1e-12
State = frozenset[int]  # the disputed labels that are turned round
Addends = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Items that are scored without the others, and which disputed labels are theirs."""

    result: BenchmarkResult
    labels: State

    def settlements(self, now: State) -> Iterator[State]:
        """Of its labels, other than `now`."""
        if len(self.labels) <= _TOGETHER:
            sizes = range(len(self.labels) + 1)
            yield from (one for n in sizes for own in combinations(sorted(self.labels), n) if (one := State(own)) != now)
        else:
            yield from (now ^ {label} for label in sorted(self.labels))


def bounds(
    result: BenchmarkResult, benchmark: Auditable, key: ResultKey, disputed: Sequence[tuple[str, str]], judge: Replayed
) -> list[Bound]:
    """The headline metrics at both ends; `disputed`: (item id, field) of labels that the result has."""
    search = _Search(result, benchmark, disputed, judge)
    return [search.bound(key, formula) for formula in result.formulas if formula.headline]


class _Search:
    """The settlements of a result's disputed labels, with the sums of addends that each leads to."""

    def __init__(
        self, result: BenchmarkResult, benchmark: Auditable, disputed: Sequence[tuple[str, str]], judge: Replayed
    ) -> None:
        self._result, self._benchmark, self._judge = result, benchmark, judge
        parts = LabelledItems.among(benchmark, result.items).parts
        self._labels = [(parts[item_id], field) for item_id, field in disputed if item_id in parts]
        self._scores = {score.item_id: score for score in result.scores}
        self._answers = {answer.item_id: answer for answer in result.answers}
        self._known: dict[tuple[int, State], Addends] = {}
        self._clusters, self._rest = self._apart()
        self._starts = self._all_for_and_against()
        if not all(_alike(self._totals(start), self._whole(start)) for start in self._starts):  # clusters hang together
            self._clusters, self._rest = [_Cluster(result, State(range(len(self._labels))))], {}
            self._known.clear()

    def bound(self, key: ResultKey, formula: Formula) -> Bound:
        sign = -1.0 if formula.better == "lower" else 1.0
        (worst, one), (best, other) = self._end(formula, -sign), self._end(formula, sign)
        return Bound(key, formula.name, formula.group, formula.unit, worst, best, one or other)

    def _end(self, formula: Formula, sign: float) -> tuple[float | None, bool]:
        """The end of a metric in the direction of the sign, and whether it lies beyond that of settling all labels alike."""
        alike = max(_reach(formula, sign, self._totals(start)) for start in self._starts)
        found = max(self._climbed(formula, sign, start) for start in self._starts)
        return (sign * found if np.isfinite(found) else None), found > alike + _LEAST

    def _climbed(self, formula: Formula, sign: float, state: State) -> float:
        totals = self._totals(state)
        best = _reach(formula, sign, totals)
        for _ in range(_PASSES):
            before = best
            for n, cluster in enumerate(self._clusters):
                for other in cluster.settlements(state & cluster.labels):
                    tried = _moved(totals, self._sums(n, state & cluster.labels), self._sums(n, other))
                    if (value := _reach(formula, sign, tried)) > best + _LEAST:
                        best, totals, state = value, tried, (state - cluster.labels) | other
            if best <= before:
                break
        return best

    def _apart(self) -> tuple[list[_Cluster], Addends]:
        """The clusters with disputed labels, and the sums of all others."""
        labels: dict[str, set[int]] = {}
        for n, (parts, _) in enumerate(self._labels):
            labels.setdefault(parts[0].cluster, set()).add(n)
        items: dict[str, list[Item]] = {name: [] for name in labels}
        for item in self._result.items:
            if item.cluster in items:
                items[item.cluster].append(item)
        here = {item.id for own in items.values() for item in own}
        clusters = [_Cluster(self._part(items[name]), State(own)) for name, own in labels.items()]
        return clusters, _sum(score for score in self._result.scores if score.item_id not in here)

    def _part(self, items: Sequence[Item]) -> BenchmarkResult:
        scores = tuple(self._scores[item.id] for item in items if item.id in self._scores)
        answers = tuple(self._answers[item.id] for item in items if item.id in self._answers)
        return replace(self._result, items=tuple(items), scores=scores, answers=answers, missing={})

    def _all_for_and_against(self) -> list[State]:
        """All labels settled for the answers, and against them. Where an answer is as right or wrong under both labels, the
        label is no in one and yes in another."""
        agree = [self._agreeing(parts, field) for parts, field in self._labels]
        labels = [self._label(parts[0], field) for parts, field in self._labels]
        both = [(for_it, word) for for_it in (False, True) for word in ("no", "yes")]
        turned = (
            State(n for n, one in enumerate(zip(agree, labels, strict=True)) if _is_turned(*one, for_it, word))
            for for_it, word in both
        )
        return list(dict.fromkeys(turned))

    def _label(self, item: Item, field: str) -> str:
        claim = self._benchmark.claim(item, field)
        return claim.label if claim is not None else ""

    def _agreeing(self, parts: Sequence[Item], field: str) -> int:
        """How many more answers the label agrees with than it contradicts."""
        return sum(self._agrees(part, field) for part in parts if part.id in self._scores)

    def _agrees(self, item: Item, field: str) -> int:
        """1 where the answer agrees with the label, -1 where it contradicts it, 0 where it is as right or wrong either way."""
        score, label = self._scores[item.id], self._label(item, field)
        implied = self._benchmark.implied_labels(item, score).get(field)
        if implied is not None or self._benchmark.free_text:
            return 1 if (label == "yes") == (implied is not None and implied.yes) else -1
        other = self._turned(item, field)
        if other is None or score.flag == UNJUDGED:
            return 0
        self._judge.verdict = score.verdict
        as_written, answer = AS_WRITTEN in self._result.protocol.facts, self._answers[item.id]
        here, there = (score_answer(self._benchmark, one, answer, as_written).correct for one in (item, other))
        return (1 if here else -1) if {here, there} == {True, False} else 0

    def _turned(self, item: Item, field: str) -> Item | None:
        edit = LabelEdit(self._result.benchmark, item.id, field, self._label(item, field), "flipped", "", "disputed", "")
        return self._benchmark.edited(item, edit)

    def _totals(self, state: State) -> Addends:
        totals = dict(self._rest)
        for n, cluster in enumerate(self._clusters):
            totals = _moved(totals, {}, self._sums(n, state & cluster.labels))
        return totals

    def _sums(self, cluster: int, state: State) -> Addends:
        if (cluster, state) not in self._known:
            self._known[cluster, state] = self._scored(self._clusters[cluster].result, state)
        return self._known[cluster, state]

    def _whole(self, state: State) -> Addends:
        return self._scored(self._result, state)

    def _scored(self, result: BenchmarkResult, state: State) -> Addends:
        """The sums of a result with these labels turned round."""
        changed: dict[str, Item | None] = {}
        for parts, field in (self._labels[n] for n in sorted(state)):
            for part in (part for part in parts if self._label(part, field)):
                changed[part.id] = self._turned(changed.get(part.id) or part, field)
        return _sum(rescored(result, self._benchmark, changed, self._judge).scores)


def _is_turned(agreeing: int, label: str, for_it: bool, otherwise: str) -> bool:
    """Whether a label changes where it is settled for its answers, or against; to `otherwise` where they are neither."""
    return (agreeing > 0) != for_it if agreeing else label != otherwise


def _sum(scores: Iterable[Score]) -> Addends:
    sums: dict[str, float] = {}
    for score in scores:
        for name, value in score.values.items():
            sums[name] = sums.get(name, 0.0) + value
    return sums


def _moved(totals: Addends, less: Addends, more: Addends) -> dict[str, float]:
    moved = dict(totals)
    for name, value in more.items():
        moved[name] = moved.get(name, 0.0) + value
    for name, value in less.items():
        moved[name] -= value
    return moved


def _alike(one: Addends, other: Addends) -> bool:
    return all(abs(one.get(name, 0.0) - other.get(name, 0.0)) < 1e-6 for name in {*one, *other})


def _reach(formula: Formula, sign: float, totals: Addends) -> float:
    """The value in the direction of the sign; -inf where it is unknown."""
    value = float(evaluate(formula, list(totals), np.array([list(totals.values())]))[0])
    return sign * value if np.isfinite(value) else -np.inf
