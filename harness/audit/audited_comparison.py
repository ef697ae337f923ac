"""A comparison of stored runs with what an audit of their labels changes: the input of the reports' audit section."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.audit.rescore_runs import rescore
from harness.audit.vote_files.earlier_votes import place_votes
from harness.core.errors import ConfigError
from harness.core.run_record import BenchmarkResult, RunRecord
from harness.labels.caption_marks import CaptionMarks
from harness.labels.claims import ResultKey
from harness.labels.estimates.corrected_chair import CorrectedChair, corrected_chair
from harness.labels.votes import Ballots
from harness.results.run_records import shown_labels
from harness.storage.label_revisions import Revision, read
from harness.storage.run_store import Store, open_store
from harness.storage.vote_store import Reviews
from reports.comparison.compare import columns_of, compare
from reports.label_audit.effect import effect
from reports.values.comparison import Comparison


def audited(
    output: Path,
    runs: Sequence[str],
    revisions: Sequence[str],
    shown: Sequence[str] | None = None,
    published: Sequence[str] = (),
    baseline: str | None = None,
) -> Comparison:
    """`compare_audited` by names of runs and revisions, with the votes stored in the output folder.

    `shown`: one name a run; `published`: tables of the study to show beside.
    """
    named = [read(name, output) for name in revisions]
    with open_store(output) as store, Reviews(store.path, reading=True) as reviews:
        unplaced = place_votes(store, reviews)
        found = compare_audited(store, runs, named, reviews.ballots(), shown, published, baseline)
    if not unplaced or found.audit is None:
        return found
    return replace(found, audit=replace(found.audit, conflicts=(*found.audit.conflicts, unplaced)))


def compare_audited(
    store: Store,
    runs: Sequence[str],
    revisions: Sequence[Revision],
    votes: Ballots,
    shown: Sequence[str] | None = None,
    published: Sequence[str] = (),
    baseline: str | None = None,
) -> Comparison:
    """The runs under the official labels; `audit` holds the effect of the revisions, the disputes and the marks of `votes`.

    Raises ConfigError for a revision of benchmarks of which none was swept.
    """
    found = rescore(store, runs, revisions, votes.disputed())
    for revision in revisions:
        _require_swept(revision, set(found.plugins.values()))
    labels = shown_labels(found.official, shown)
    official = compare(found.official, labels=labels, published=published, baseline=baseline)
    columns = columns_of(found.official, labels)
    made = effect(
        official,
        compare(found.audited, labels=labels, baseline=baseline),
        found.labels,
        found.edits,
        columns,
        revision=", ".join(f"{r.name} ({r.digest[:12]})" for r in revisions),
        control={name: control_of(revisions, name) for name in dict.fromkeys(labels.benchmark for labels in found.labels)},
        conflicts=[str(conflict) for conflict in found.conflicts],
        not_asked=found.not_asked,
        disputed=len(found.disputed),
        bounds=found.bounds,
        dropped=found.dropped,
        captions=corrected(found.official, columns, found.plugins, votes),
    )
    return replace(official, audit=made)


def _require_swept(revision: Revision, swept: Collection[str]) -> None:
    edited = sorted({edit.benchmark for edit in revision.edits})
    if edited and not set(edited) & set(swept):
        raise ConfigError(
            f"The revision {revision.name} holds labels of {', '.join(edited)}, of which these runs have no answers: they "
            f"swept {', '.join(sorted(swept))}. Leave it out, or name runs that swept {' or '.join(edited)}."
        )


def control_of(revisions: Sequence[Revision], benchmark: str) -> Mapping[str, int]:
    """Size and seed of the control set of a benchmark's labels: that of the revision that has edits of them, {} without one.

    Of several, all must be of one seed: the larger begins with the smaller. Raises ConfigError for two draws of one benchmark.
    """
    drawn = {r.name: r.control for r in revisions if r.control and any(edit.benchmark == benchmark for edit in r.edits)}
    if len({control.get("seed", 0) for control in drawn.values()}) > 1:
        raise ConfigError(
            f"The revisions {' and '.join(drawn)} have control sets of {benchmark} that were drawn with different seeds, so no "
            "rate can be estimated from both. Name one of them, or make one revision of all votes with `labels make`."
        )
    return max(drawn.values(), key=lambda control: control["sample"], default={})


def corrected(
    records: Sequence[RunRecord],
    columns: Mapping[tuple[str, str], str],
    plugins: Mapping[ResultKey, str],
    votes: Ballots,
) -> list[CorrectedChair]:
    """CHAIR's invented objects corrected by the reviewers' marks, one a column and benchmark that has any.

    columns: see `columns_of`. plugins: name of each result's benchmark, which votes have; a run may give it a label of its own.
    """
    marks = {name: CaptionMarks(votes, name) for name in dict.fromkeys(plugins.values())}
    results: dict[tuple[str, str], tuple[str, BenchmarkResult]] = {}
    for record in records:
        for sweep in record.sweeps:
            for result in sweep.results:
                name = plugins[ResultKey(record.run_id, sweep.label, result.benchmark)]
                results.setdefault((columns[record.run_id, sweep.label], result.benchmark), (name, result))
    found = [
        corrected_chair(
            benchmark,
            column,
            one.scores,
            {answer.item_id: answer.text for answer in one.answers},
            marks[name],
            {item.id: item for item in one.items},
        )
        for (column, benchmark), (name, one) in results.items()
    ]
    return [one for one in found if one is not None]
