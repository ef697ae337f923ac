"""Stored runs under audited labels, without generating or judging again: only the answers to changed items are scored anew.

A result of another version of its benchmark is scored anew as a whole, and stands so on both sides: labels alone may differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.audit.label_index import LabelIndex
from harness.audit.rescore_result import Replayed, Rescored, bounds, in_version, rescore_result
from harness.config.schema import BenchmarkConfig
from harness.core.evaluation import LabelEdit
from harness.core.plugins import Benchmark
from harness.core.run_record import BenchmarkResult, ProtocolRecord, RunRecord
from harness.evaluation.protocol import benchmark_version
from harness.evaluation.scoring import build
from harness.labels.cases import Key
from harness.labels.claims import Auditable, Labels, ResultKey
from harness.results.run_records import records_from, results_of
from harness.storage.label_revisions import Conflict, Revision, together
from harness.storage.run_store import Store, StoredResult
from reports.values.label_audit import Bound, DroppedItems

FACT = "label revision"


@dataclass(frozen=True, slots=True)
class RescoredRuns:
    """The records of the runs under the official and under the audited labels, in the same order."""

    official: tuple[RunRecord, ...]
    audited: tuple[RunRecord, ...]
    edits: tuple[LabelEdit, ...]  # those that hold somewhere
    conflicts: tuple[Conflict, ...]  # those that hold nowhere, each once
    not_asked: int  # edits of items that none of these runs asked about
    labels: tuple[Labels, ...]  # of the benchmarks that have edits
    bounds: tuple[Bound, ...] = ()
    plugins: Mapping[ResultKey, str] = field(default_factory=dict)  # a result's benchmark as its plug-in is named
    dropped: tuple[DroppedItems, ...] = ()


def rescore(store: Store, runs: Sequence[str], revisions: Sequence[Revision], disputed: Sequence[Key] = ()) -> RescoredRuns:
    """Every stored result of the runs under the edits of the revisions. Nothing is written.

    `disputed`: labels that reviewers disagree on; `bounds` hold the metrics at both ends.
    """
    edits, contradictory = together(revisions)
    revision = ", ".join(f"{r.name} ({r.digest[:12]})" for r in revisions)
    official: list[RunRecord] = []
    audited: list[RunRecord] = []
    found: list[Rescored] = []
    index: dict[str, LabelIndex] = {}
    plugins: dict[ResultKey, str] = {}
    for run in map(store.run, runs):
        results = results_of(store, run)
        plugins |= {ResultKey(run.id, one.label, one.benchmark): str(one.options["name"]) for one, _ in results}
        again = [_rescored(run.id, stored, result, edits, disputed, revision, index) for stored, result in results]
        records = records_from(store, run, results)
        by_column = {(stored.label, stored.benchmark): one for (stored, _), one in zip(results, again, strict=True)}
        official += [_under(record, {place: one.before for place, one in by_column.items()}) for record in records]
        audited += [_under(record, {place: one.result for place, one in by_column.items()}) for record in records]
        found += again
    fitting = sorted((edit for one in found for edit in one.edits), key=lambda edit: index[edit.benchmark].fits(edit))
    held = {_label(edit): edit for edit in fitting}  # one each: that of the labels which `labels` has, where there is one
    refused = {_label(conflict.edit): conflict for one in found for conflict in one.conflicts}
    conflicts = (*contradictory, *(conflict for label, conflict in refused.items() if label not in held))
    not_asked = sum(1 for edit in edits if _label(edit) not in held and _label(edit) not in refused)
    labels = tuple(one.labels(name) for name, one in index.items())
    bounds = tuple(dict.fromkeys(bound for one in found for bound in one.bounds))
    dropped = _dropped(found)
    return RescoredRuns(
        tuple(official), tuple(audited), tuple(held.values()), conflicts, not_asked, labels, bounds, plugins, dropped
    )


def _dropped(found: Sequence[Rescored]) -> tuple[DroppedItems, ...]:
    """Items that leave the metrics of any run, by benchmark."""
    asked: dict[str, set[str]] = {}
    left: dict[str, set[str]] = {}
    for one in found:
        before, after = ({item.id for item in result.items} for result in (one.before, one.result))
        asked.setdefault(one.before.benchmark, set()).update(before)
        left.setdefault(one.before.benchmark, set()).update(before - after)
    return tuple(DroppedItems(name, len(left[name]), len(items)) for name, items in asked.items() if left[name])


def _under(record: RunRecord, results: Mapping[tuple[str, str], BenchmarkResult]) -> RunRecord:
    """The record with other results, by (checkpoint's label, benchmark)."""
    sweeps = (replace(s, results=tuple(results[s.label, r.benchmark] for r in s.results)) for s in record.sweeps)
    return replace(record, sweeps=tuple(sweeps))


def _rescored(
    run_id: str,
    stored: StoredResult,
    result: BenchmarkResult,
    edits: Sequence[LabelEdit],
    disputed: Sequence[Key],
    revision: str,
    index: dict[str, LabelIndex],
) -> Rescored:
    """One stored result under the edits of its benchmark, which `index` takes up; as it is where there are none."""
    name = str(stored.options["name"])
    own = [edit for edit in edits if edit.benchmark == name]
    open_ = [(item_id, field) for benchmark, item_id, field, _ in disputed if benchmark == name]
    judge = Replayed()
    benchmark = _build(stored, judge) if own or open_ else None
    if benchmark is None or not isinstance(benchmark, Auditable):
        return Rescored(result, result)
    result = in_version(benchmark_version(benchmark), result, benchmark, judge)
    made = rescore_result(result, benchmark, own, judge)
    if own:
        index.setdefault(name, LabelIndex(benchmark)).add(run_id, stored)
        protocol = ProtocolRecord({**result.protocol.facts, FACT: revision})
        made = replace(made, result=replace(made.result, protocol=protocol))
    key = ResultKey(run_id, stored.label, stored.benchmark)
    return replace(made, bounds=tuple(bounds(made.result, benchmark, key, open_, judge)) if open_ else ())


def _label(edit: LabelEdit) -> tuple[str, str, str]:
    """Which label an edit is about."""
    return (edit.benchmark, edit.item_id, edit.field)


def _build(stored: StoredResult, judge: Replayed) -> Benchmark:
    spec = BenchmarkConfig.model_validate(dict(stored.options))
    return build(spec, judge)
