"""Put runs side by side: `compare(records)` turns what runs left behind into a `Comparison`, the input of all writers.

Columns are checkpoints; the first is the baseline unless another is named. A base that several runs share stands there once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.core.errors import ConfigError
from harness.core.gating import GatePolicy
from harness.core.nearest import did_you_mean
from harness.core.run_record import ADAPTER, FACT_FROM_FILES, IMAGES, BenchmarkResult, ProtocolRecord, RunRecord, SweepResult
from reports.comparison import reward_models as rewards
from reports.comparison.baseline import with_baseline
from reports.comparison.conclusion import conclusion
from reports.comparison.confusion import confusions
from reports.comparison.details import Lookup, captions, failures, flips, judge_noises, protocol_differences, protocol_fields
from reports.comparison.length import length_curves
from reports.comparison.objects import objects
from reports.comparison.reliability import reliability
from reports.comparison.subtitle import dates, subtitle, title
from reports.gate.decide import gate
from reports.gate.shown import as_shown
from reports.published import published_rows as study
from reports.questions.costs import costs
from reports.questions.find import questions
from reports.tables.methods import Method, methods
from reports.tables.metric_table import make_tables
from reports.tables.results import benchmark_names, results_of
from reports.tables.same_weights import same_weights
from reports.text.column_labels import column_label, has_arms, is_alone, own_name, run_label, stated, with_unique_labels
from reports.text.flag_lines import doubt_sentence
from reports.text.formatting import listing
from reports.text.runs import facts_of, overlap_sentence
from reports.text.settings import settings_of
from reports.text.studies import merged
from reports.values.comparison import Comparison, Curve
from reports.values.gate import Gate
from reports.values.table import Column


def compare(
    records: Sequence[RunRecord],
    *,
    labels: Sequence[str] | None = None,
    published: Sequence[str] = (),
    baseline: str | None = None,
    policy: GatePolicy | None = None,
) -> Comparison:
    """Compare all sweeps of all records with the first sweep of the first, or with the column `baseline`.

    `labels`: one name a record, shown instead of the runs' own names. `published`: tables of the study ("Table 6") to put
    beside. `baseline`: label of a column, or name of a method, which then stands for all its seeds. `policy`: the gate to
    decide, always against the first sweep.
    Raises ConfigError when there is nothing to compare, when runs have no benchmark in common, or for an unknown baseline.
    """
    columns, sweeps, _ = _columns(records, labels)
    _check_common(columns, sweeps)
    found = _methods(records, columns, sweeps)
    decided = gate(policy, columns, sweeps, _not_swept(records)) if policy is not None else None
    if baseline is not None:
        columns, sweeps, found = with_baseline(columns, sweeps, found, baseline)
    unlike = protocol_differences(columns, sweeps)
    columns = [replace(column, differs=any(d.column == column.label for d in unlike)) for column in columns]
    tables = make_tables(columns, sweeps, found)
    said, runs, failed = Lookup(), facts_of(records, columns), failures(columns, sweeps)
    in_words = conclusion(tables.short, unlike, same_weights(tables.short.columns, tables.repeats))
    return Comparison(
        title=title(records, labels),
        columns=tuple(columns),
        rows=tables.full.rows,
        short=tables.short,
        verdict=replace(in_words, overlap=overlap_sentence(runs), doubt=doubt_sentence(failed)),
        protocol_differences=unlike,
        **protocol_fields(columns, sweeps),
        flips=flips(columns, sweeps, said),
        captions=captions(columns, sweeps, said),
        failures=failed,
        length_curves=length_curves(columns, sweeps, tables.short.columns),
        objects=objects(columns, sweeps, tables.short.columns),
        confusions=confusions(columns, sweeps, tables.short.columns),
        reliability=reliability(columns, sweeps, tables.short.columns),
        seeds=tables.seeds,
        judge_noise=judge_noises(columns, sweeps),
        questions=questions(records, columns, sweeps, found, tables.short, tables.repeats),
        costs=costs(records, columns, sweeps, tables.short.columns),
        published=study.published(published),
        study=merged([(r.run_id, r.study) for r in records]),
        **_curves(records, labels),
        **rewards.reward_fields(records, labels, published),
        runs=runs,
        subtitle=subtitle(records, sweeps[0], tables.short.columns),
        dates=dates(records),
        gate=as_shown(decided, tables.full) if decided is not None else None,
        data_folders=tuple(dict.fromkeys(record.data_folder for record in records)),
    )


def _methods(records: Sequence[RunRecord], columns: Sequence[Column], sweeps: Sequence[SweepResult]) -> list[Method]:
    configs = {record.run_id: settings_of(record) for record in records}
    return methods(columns, [sweep.label for sweep in sweeps], configs)


def gated(records: Sequence[RunRecord], policy: GatePolicy, *, only: Sequence[str] = ()) -> Gate:
    """The gate's verdict on all checkpoints of the records, or on those of these labels; the first sweep is the baseline.

    Raises ConfigError where the policy does not fit what was measured, or a label is unknown.
    """
    columns, sweeps, _ = _columns(records, None)
    pending = _not_swept(records)
    known = [column.label for column in columns[1:]]
    for name in only:
        if name not in (*known, *pending):
            there = f"There are: {listing(known, 20)}" if known else "These runs have the base alone"
            raise ConfigError(f"There is no checkpoint {name!r}.{did_you_mean(name, known)} {there}.")
    kept = [0, *(i for i, column in enumerate(columns) if i and (not only or column.label in only))]
    waiting = [name for name in pending if not only or name in only]
    left_out = len(columns) + len(pending) - len(kept) - len(waiting)
    decided = gate(policy, [columns[i] for i in kept], [sweeps[i] for i in kept], waiting, n_left_out=left_out)
    return as_shown(decided, make_tables(columns, sweeps, _methods(records, columns, sweeps)).full)


def columns_of(records: Sequence[RunRecord], labels: Sequence[str] | None) -> dict[tuple[str, str], str]:
    """(run, its label of a checkpoint) -> label of the column of `compare` that it stands in; a shared base is in one."""
    columns, _, places = _columns(records, labels)
    return {key: columns[place].label for key, place in places.items()}


def _not_swept(records: Sequence[RunRecord]) -> list[str]:
    """Arms of which nothing is measured yet."""
    return [record.name for record in records if len(record.sweeps) < 2 and has_arms(record)]


def _columns(
    records: Sequence[RunRecord], labels: Sequence[str] | None
) -> tuple[list[Column], list[SweepResult], dict[tuple[str, str], int]]:
    """Columns, their sweeps, and (run, label in it) -> place of its column."""
    if labels is not None and len(labels) != len(records):
        raise ConfigError(f"There are {len(labels)} labels for {len(records)} runs; give one label a run.")
    columns: list[Column] = []
    sweeps: list[SweepResult] = []
    bases: list[int] = []
    places: dict[tuple[str, str], int] = {}
    for i, record in enumerate(records):
        for j, sweep in enumerate(record.sweeps):
            shared = next((k for k in bases if _same_baseline(sweep, sweeps[k])), None) if j == 0 else None
            places.setdefault((record.run_id, sweep.label), len(sweeps) if shared is None else shared)
            if shared is not None:
                sweeps[shared] = _both(sweeps[shared], sweep)
                partial = tuple(dict.fromkeys((*columns[shared].partial, *record.study.partial)))
                columns[shared] = replace(columns[shared], partial=partial)
                continue
            if j == 0:
                bases.append(len(sweeps))
            c = sweep.checkpoint
            label = column_label(record, i, sweep, j, records, labels)
            name = sweep.label if j == 0 and not is_alone(record) else record.name  # a base that arms share has no arm's name
            of = (label, record.run_id, name, c.id, c.digest, c.aligner, record.complete)
            columns.append(Column(*of, trained=j > 0, partial=record.study.partial))
            sweeps.append(sweep)
    if not columns:
        raise ConfigError("There is nothing to compare: no run has a sweep yet. Let a run finish its first benchmark.")
    columns[0] = replace(columns[0], is_baseline=True)
    runs = {record.run_id: (stated(record, "seed"), own_name(record, records)) for record in records}
    return with_unique_labels(columns, [runs[column.run_id] for column in columns]), sweeps, places


def _same_baseline(one: SweepResult, other: SweepResult) -> bool:
    """The same weights, measured the same way wherever both were measured."""
    results = {result.benchmark: result for result in other.results}
    pairs = [(own, results[own.benchmark]) for own in one.results if own.benchmark in results]
    return one.checkpoint.digest == other.checkpoint.digest and all(_same_measurement(own, its) for own, its in pairs)


def _same_measurement(one: BenchmarkResult, other: BenchmarkResult) -> bool:
    """Under the same protocol; of files, which tell little of it (in older versions not the column), with the same scores."""
    own, its = one.protocol, other.protocol
    known = FACT_FROM_FILES not in own.facts or one.scores == other.scores
    return known and not own.differs_from(its) and own.facts.get(ADAPTER) == its.facts.get(ADAPTER)


def _both(one: SweepResult, other: SweepResult) -> SweepResult:
    """One baseline with what either run measured of it, and the facts that only one of them stored."""
    have, others = {result.benchmark for result in one.results}, {result.benchmark: result for result in other.results}
    kept = [replace(r, protocol=_fuller(r.protocol, others.get(r.benchmark, r).protocol)) for r in one.results]
    return replace(one, results=(*kept, *(r for r in other.results if r.benchmark not in have)))


def _fuller(one: ProtocolRecord, other: ProtocolRecord) -> ProtocolRecord:
    """Of two protocols that do not differ the one that knows the images, so that a third run with other images is told."""
    return other if IMAGES in other.facts else one


def _check_common(columns: Sequence[Column], sweeps: Sequence[SweepResult]) -> None:
    names = benchmark_names(sweeps)
    if len(sweeps) > 1 and not any(sum(r is not None for r in results_of(sweeps, n)) > 1 for n in names):
        have = "; ".join(
            f"{column.label} has {', '.join(r.benchmark for r in sweep.results) or 'none'}"
            for column, sweep in zip(columns, sweeps, strict=True)
        )
        raise ConfigError(f"These runs have no benchmark in common: {have}. Sweep one of them over the other's.")


def _curves(records: Sequence[RunRecord], labels: Sequence[str] | None) -> dict[str, Any]:  # Any: fields of Comparison
    """Training logs as curves, and the timings among them apart (they differ from run to run)."""
    curves = []
    for i, record in enumerate(records):
        names = dict.fromkeys(key for row in record.training for key in row if key not in ("step", "epoch"))
        for key in names:
            points = [(row.get("step", n), row[key]) for n, row in enumerate(record.training) if key in row]
            x, y = (tuple(float(v) for v in axis) for axis in zip(*points, strict=True))
            curves.append(Curve(key, run_label(record, i, labels), x, y))
    times = tuple(curve for curve in curves if curve.name.startswith("time/"))
    return {"training": tuple(curve for curve in curves if curve not in times), "training_times": times}
