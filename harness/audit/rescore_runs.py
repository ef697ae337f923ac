"""Stored runs under audited labels, without generating or judging again: only the answers to changed items are scored anew.

A result of another version of its benchmark is scored anew as a whole, and stands so on both sides: labels alone may differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.audit.disputed_bounds import bounds
from harness.audit.label_index import LabelIndex
from harness.audit.rescore_result import Replayed, Rescored, in_version, rescore_result
from harness.audit.vote_files.earlier_votes import placed_edits
from harness.config.schema import BenchmarkConfig
from harness.core.evaluation import LabelEdit
from harness.core.plugins import Benchmark
from harness.core.run_record import BenchmarkResult, ProtocolRecord, RunRecord
from harness.evaluation.protocol import benchmark_version
from harness.evaluation.scoring import build
from harness.labels.cases import Key, about
from harness.labels.claims import Auditable, Labels, ResultKey
from harness.labels.labelled_items import LabelledItems
from harness.results.run_records import records_from, results_of
from harness.storage.label_edits import Conflict, together
from harness.storage.label_revisions import Revision
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
    disputed: tuple[Key, ...] = ()  # the labels that `bounds` settle


def rescore(store: Store, runs: Sequence[str], revisions: Sequence[Revision], disputed: Sequence[Key] = ()) -> RescoredRuns:
    """Every stored result of the runs under the edits of the revisions. Nothing is written.

    `disputed`: labels that reviewers disagree on; `bounds` hold the metrics at both ends.
    """
    kept, contradictory = together(revisions)
    edits, unplaced = placed_edits(store, kept)
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
        under = [replace(stored, protocol=one.before.protocol) for (stored, _), one in zip(results, again, strict=True)]
        records = records_from(store, run, [(row, result) for row, (_, result) in zip(under, results, strict=True)])
        by_column = {(stored.label, stored.benchmark): one for (stored, _), one in zip(results, again, strict=True)}
        official += [_under(record, {place: one.before for place, one in by_column.items()}) for record in records]
        audited += [_under(record, {place: one.result for place, one in by_column.items()}) for record in records]
        found += again
    fitting = sorted((edit for one in found for edit in one.edits), key=lambda edit: index[edit.benchmark].fits(edit))
    # One each: that of the labels which `labels` has, where there is one.
    held = {_label(edit): index[edit.benchmark].named(edit) for edit in fitting}
    refused = {_label(conflict.edit): conflict for one in found for conflict in one.conflicts}
    conflicts = (*contradictory, *unplaced, *(conflict for label, conflict in refused.items() if label not in held))
    not_asked = sum(1 for edit in edits if _label(edit) not in held and _label(edit) not in refused)
    labels = tuple(one.labels(name) for name, one in index.items())
    bounds = tuple(dict.fromkeys(bound for one in found for bound in one.bounds))
    settled = tuple(dict.fromkeys(key for one in found for key in one.disputed))
    return RescoredRuns(
        tuple(official), tuple(audited), tuple(held.values()), conflicts, not_asked, labels, bounds, plugins, _dropped(found),
        settled,
    )  # fmt: skip


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
    judge = Replayed()
    benchmark = _build(stored, judge) if own or any(key.benchmark == name for key in disputed) else None
    if benchmark is None or not isinstance(benchmark, Auditable):
        return Rescored(result, result)
    result = in_version(benchmark_version(benchmark), result, benchmark, judge)
    open_ = _open(benchmark, name, result, disputed)
    made = rescore_result(result, benchmark, own, judge)
    if own:
        index.setdefault(name, LabelIndex(benchmark)).add(run_id, stored)
        protocol = ProtocolRecord({**result.protocol.facts, FACT: revision})
        made = replace(made, result=replace(made.result, protocol=protocol))
    key = ResultKey(run_id, stored.label, stored.benchmark)
    places = [(one.item_id, one.field) for one in open_]
    found = tuple(bounds(made.result, benchmark, key, places, judge)) if places else ()
    return replace(made, bounds=found, disputed=open_)


def _label(edit: LabelEdit) -> tuple[str, ...]:
    """Which label an edit is of."""
    return (edit.benchmark, edit.item_id, edit.field, edit.about)


def _open(benchmark: Auditable, name: str, result: BenchmarkResult, disputed: Sequence[Key]) -> tuple[Key, ...]:
    """The disputes that are about labels of this result, with the question and the label as it has them."""
    items = LabelledItems.among(benchmark, result.items).items
    found = []
    for key in disputed:
        item = items.get(key.item_id) if key.benchmark == name else None
        claim = benchmark.claim(item, key.field) if item is not None else None
        if item is None or claim is None or claim.label != key.label:
            continue
        if key.about in ("", about(item, key.field, benchmark.free_text)):
            found.append(key)
    return tuple(found)


def _build(stored: StoredResult, judge: Replayed) -> Benchmark:
    spec = BenchmarkConfig.model_validate(dict(stored.options))
    return build(spec, judge)
