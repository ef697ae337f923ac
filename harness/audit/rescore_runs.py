"""Stored runs under audited labels, without generating or judging again: only the answers to changed items are scored anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from harness.audit.label_index import Seen
from harness.audit.rescore_result import Replayed, rescored
from harness.config.schema import BenchmarkConfig
from harness.core import registry
from harness.core.evaluation import Item, LabelEdit
from harness.core.plugins import Benchmark
from harness.core.run_record import BenchmarkResult, ProtocolRecord, RunRecord
from harness.evaluation.scoring import score_answer
from harness.labels.cases import Key
from harness.labels.claims import Auditable, Labels
from harness.results.run_records import records_of
from harness.storage.label_revisions import Applied, Conflict, Revision, apply, together
from harness.storage.run_store import Store, StoredResult
from reports.values.label_audit import Bound

FACT = "label revision"


@dataclass(frozen=True, slots=True)
class Rescored:
    """The records of the runs under the official and under the audited labels, in the same order."""

    official: tuple[RunRecord, ...]
    audited: tuple[RunRecord, ...]
    edits: tuple[LabelEdit, ...]  # those that hold somewhere
    conflicts: tuple[Conflict, ...]  # those that hold nowhere, each once
    not_asked: int  # edits of items that none of these runs asked about
    labels: tuple[Labels, ...]  # of the benchmarks that the edits speak of
    bounds: tuple[Bound, ...] = ()


def rescore(store: Store, runs: Sequence[str], revisions: Sequence[Revision], disputed: Sequence[Key] = ()) -> Rescored:
    """Every stored result of the runs under the edits of the revisions. Nothing is written.

    `disputed`: labels that reviewers disagree on; `bounds` tell what hangs on them.
    """
    edits, contradictory = together(revisions)
    desk = _Desk(edits, disputed, ", ".join(f"{r.name} ({r.digest[:12]})" for r in revisions))
    official: list[RunRecord] = []
    audited: list[RunRecord] = []
    for name in runs:
        desk.results.clear()
        records = records_of(store, store.run(name).id, desk.look)
        official += records
        audited += [_under(record, desk.results) for record in records]
    conflicts = (*contradictory, *(c for place, c in desk.conflicts.items() if place not in desk.held))
    not_asked = sum(1 for edit in edits if _place(edit) not in desk.held and _place(edit) not in desk.conflicts)
    return Rescored(
        tuple(official), tuple(audited), tuple(desk.held.values()), conflicts, not_asked, desk.labels(), tuple(desk.bounds)
    )


def _under(record: RunRecord, results: Mapping[tuple[str, str], BenchmarkResult]) -> RunRecord:
    sweeps = (replace(s, results=tuple(results[s.label, r.benchmark] for r in s.results)) for s in record.sweeps)
    return replace(record, sweeps=tuple(sweeps))


Place = tuple[str, str, str]


def _place(edit: LabelEdit) -> Place:
    return (edit.benchmark, edit.item_id, edit.field)


class _Desk:
    """Scores each result it is shown under the edits; remembers what it made of items that many results share."""

    def __init__(self, edits: Sequence[LabelEdit], disputed: Sequence[Key], revision: str) -> None:
        self.results: dict[tuple[str, str], BenchmarkResult] = {}
        self.held: dict[Place, LabelEdit] = {}
        self.conflicts: dict[Place, Conflict] = {}
        self.bounds: list[Bound] = []
        self._revision, self._disputed = revision, disputed
        self._edits: dict[str, list[LabelEdit]] = {}
        for edit in edits:
            self._edits.setdefault(edit.benchmark, []).append(edit)
        self._applied: dict[int, tuple[tuple[Item, ...], Applied]] = {}
        self._seen: dict[str, Seen] = {}

    def look(self, stored: StoredResult, result: BenchmarkResult) -> None:
        edits = self._edits.get(str(stored.options["name"]), [])
        judge = Replayed()
        benchmark = _build(stored, judge) if edits else None
        if benchmark is None or not isinstance(benchmark, Auditable):
            self.results[stored.label, stored.benchmark] = result
            return
        self._seen.setdefault(str(stored.options["name"]), Seen(benchmark)).see(stored)
        applied = self._apply(benchmark, stored.items, edits)
        protocol = ProtocolRecord({**result.protocol.facts, FACT: self._revision})
        self.results[stored.label, stored.benchmark] = replace(
            rescored(result, partial(score_answer, benchmark), applied.changed, judge), protocol=protocol
        )

    def labels(self) -> tuple[Labels, ...]:
        return tuple(seen.labels(name) for name, seen in self._seen.items())

    def _apply(self, benchmark: Auditable, items: tuple[Item, ...], edits: Sequence[LabelEdit]) -> Applied:
        if id(items) not in self._applied:
            asked = {item.id for item in items}
            applied = apply(benchmark, items, [edit for edit in edits if edit.item_id in asked])
            self._applied[id(items)] = (items, applied)  # the items are kept, so that their id stays theirs
            self.held |= {_place(edit): edit for edit in applied.held}
            self.conflicts |= {_place(c.edit): c for c in applied.conflicts}
        return self._applied[id(items)][1]


def _build(stored: StoredResult, judge: Replayed) -> Benchmark:
    spec = BenchmarkConfig.model_validate(dict(stored.options))
    return registry.make("benchmark", spec.name, spec.options, judge=judge)
