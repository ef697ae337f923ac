"""Stored runs under audited labels, without generating or judging again: only the answers to changed items are scored anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import registry
from harness.config import BenchmarkConfig
from harness.contract import Answer, BenchmarkResult, Item, LabelEdit, ProtocolRecord, RunRecord, Score, Verdict
from harness.errors import JudgeError
from harness.evidence import Auditable
from harness.records import records_of
from harness.revisions import Applied, Conflict, Revision, apply, together
from harness.store import Store, StoredResult

FACT = "label revision"


@dataclass(frozen=True, slots=True)
class Rescored:
    """The records of the runs under the official and under the audited labels, in the same order."""

    official: tuple[RunRecord, ...]
    audited: tuple[RunRecord, ...]
    edits: tuple[LabelEdit, ...]  # those that hold somewhere
    conflicts: tuple[Conflict, ...]  # those that hold nowhere, each once
    not_asked: int  # edits of items that none of these runs asked about


def rescore(store: Store, runs: Sequence[str], revisions: Sequence[Revision]) -> Rescored:
    """Every stored result of the runs under the edits of the revisions. Nothing is written."""
    edits, contradictory = together(revisions)
    desk = _Desk(edits, ", ".join(f"{r.name} ({r.digest[:12]})" for r in revisions))
    official: list[RunRecord] = []
    audited: list[RunRecord] = []
    for name in runs:
        desk.results.clear()
        records = records_of(store, store.run(name).id, desk.look)
        official += records
        audited += [_under(record, desk.results) for record in records]
    conflicts = (*contradictory, *(c for place, c in desk.conflicts.items() if place not in desk.held))
    not_asked = sum(1 for edit in edits if _place(edit) not in desk.held and _place(edit) not in desk.conflicts)
    return Rescored(tuple(official), tuple(audited), tuple(desk.held.values()), conflicts, not_asked)


def _under(record: RunRecord, results: Mapping[tuple[str, str], BenchmarkResult]) -> RunRecord:
    sweeps = (replace(s, results=tuple(results[s.label, r.benchmark] for r in s.results)) for s in record.sweeps)
    return replace(record, sweeps=tuple(sweeps))


Place = tuple[str, str, str]


def _place(edit: LabelEdit) -> Place:
    return (edit.benchmark, edit.item_id, edit.field)


class _Desk:
    """Scores each result it is shown under the edits; remembers what it made of items that many results share."""

    def __init__(self, edits: Sequence[LabelEdit], revision: str) -> None:
        self.results: dict[tuple[str, str], BenchmarkResult] = {}
        self.held: dict[Place, LabelEdit] = {}
        self.conflicts: dict[Place, Conflict] = {}
        self._revision = revision
        self._edits: dict[str, list[LabelEdit]] = {}
        for edit in edits:
            self._edits.setdefault(edit.benchmark, []).append(edit)
        self._applied: dict[int, tuple[tuple[Item, ...], Applied]] = {}

    def look(self, stored: StoredResult, result: BenchmarkResult) -> None:
        edits = self._edits.get(str(stored.options["name"]), [])
        judge = _Replayed()
        benchmark = _build(stored, judge) if edits else None
        if benchmark is None or not isinstance(benchmark, Auditable):
            self.results[stored.label, stored.benchmark] = result
            return
        applied = self._apply(benchmark, stored.items, edits)
        protocol = ProtocolRecord({**result.protocol.facts, FACT: self._revision})
        self.results[stored.label, stored.benchmark] = replace(
            rescored(result, benchmark.score, applied.changed, judge), protocol=protocol
        )

    def _apply(self, benchmark: Auditable, items: tuple[Item, ...], edits: Sequence[LabelEdit]) -> Applied:
        if id(items) not in self._applied:
            asked = {item.id for item in items}
            applied = apply(benchmark, items, [edit for edit in edits if edit.item_id in asked])
            self._applied[id(items)] = (items, applied)  # the items are kept, so that their id stays theirs
            self.held |= {_place(edit): edit for edit in applied.held}
            self.conflicts |= {_place(c.edit): c for c in applied.conflicts}
        return self._applied[id(items)][1]


def rescored(
    result: BenchmarkResult, score: Scorer, changed: Mapping[str, Item | None], judge: _Replayed | None = None
) -> BenchmarkResult:
    """A result with some items changed or dropped (None): their answers are scored again, all else stays."""
    if not changed:
        return result
    answers = {answer.item_id: answer for answer in result.answers}

    def again(old: Score) -> Score | None:
        item = changed.get(old.item_id, _SAME)
        if item is _SAME or (item is not None and old.flag == "unjudged"):
            return old
        if judge is not None:
            judge.verdict = old.verdict
        return score(item, answers[old.item_id]) if item is not None else None

    dropped = {item_id for item_id, item in changed.items() if item is None}
    return replace(
        result,
        items=tuple(changed.get(i.id, i) or i for i in result.items if i.id not in dropped),
        answers=tuple(answer for answer in result.answers if answer.item_id not in dropped),
        scores=tuple(new for old in result.scores if (new := again(old)) is not None),
        missing=tuple(item_id for item_id in result.missing if item_id not in dropped),
    )


_SAME: Any = object()
Scorer = Callable[[Item, Answer], Score]


class _Replayed:
    """Says again what the judge said of an answer; a verdict does not depend on the label."""

    name, version = "replayed", ""
    verdict: Verdict | None = None

    def judge(self, question: str, answer: str, facts: Mapping[str, Any], image: Path | None) -> Verdict:
        if self.verdict is None:
            raise JudgeError("There is no stored verdict on this answer; let the run ask its judge again first.")
        return self.verdict

    def rank(self, question: str, answers: tuple[str, str], facts: Mapping[str, Any], image: Path | None) -> Verdict:
        raise JudgeError("Rankings are not scored again.")


def _build(stored: StoredResult, judge: _Replayed) -> Any:
    spec = BenchmarkConfig.model_validate(dict(stored.options))
    return registry.make("benchmark", spec.name, spec.options, judge=judge)
