"""Store -> the values that reports are functions of. No model, no generation, no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.config.gate_policy import policy_of
from harness.config.schema import RunConfig, stored
from harness.core.capabilities import AsksAboutObjects, CountsYesNo, DescribesItems, ScoresTogether
from harness.core.edge.answer_form import form_of
from harness.core.edge.plugin_modules import as_facts
from harness.core.edge.text import count
from harness.core.edge.versions import CODE
from harness.core.errors import ConfigError
from harness.core.gating import GatePolicy
from harness.core.judging import CountsUnread, RatesOnAScale
from harness.core.plugins import CountsRows
from harness.core.run_record import AS_WRITTEN, BenchmarkResult, ProtocolRecord, RunRecord, StudyNotes, SweepResult
from harness.evaluation.scoring import Gone, StoredTogether, measured_by
from harness.results.caveats import caveats
from harness.results.judge_results import training_checks, with_judge_check
from harness.results.reward_reading import accuracy_notes, without_last_token
from harness.results.run_state import can_continue
from harness.results.server_use import served
from harness.results.study_notes import partial_sweep, study_notes
from harness.results.training_images import BenchmarkImages, benchmark_images, seen_images
from harness.storage.artifacts import (
    JudgeRepeats,
    MissingItems,
    Pairs,
    RewardAccuracy,
    SharedPrompts,
    Timings,
    TrainingLog,
)
from harness.storage.run_store import Store, StoredResult, StoredRun

_EARLIER = "an earlier version, which kept no digest of its code"


def config_of(run: StoredRun) -> RunConfig:
    """The configuration of a stored run."""
    return stored(run.config, f"The stored configuration of {run.id}")


def records_of(store: Store, run_id: str) -> list[RunRecord]:
    """One record an arm: its checkpoint beside the base, or the base alone where no arm is swept or there is none."""
    run = store.run(run_id)
    return records_from(store, run, results_of(store, run))


def results_of(store: Store, run: StoredRun) -> list[tuple[StoredResult, BenchmarkResult]]:
    """Every result of a run in sweep order, as stored and as reports see it."""
    return [
        (row, _result(store, row, _reasons(store, run.id, row), store.get(JudgeRepeats, run.id, row.label, row.benchmark)))
        for row in store.results(run.id)
    ]


def records_from(store: Store, run: StoredRun, results: Sequence[tuple[StoredResult, BenchmarkResult]]) -> list[RunRecord]:
    """One record an arm, from the results that `results_of` read."""
    config = config_of(run)
    by_label: dict[str, list[tuple[StoredResult, BenchmarkResult]]] = {}
    for row, result in results:
        by_label.setdefault(row.label, []).append((row, result))
    sweeps = {
        label: SweepResult(label, rows[0][0].checkpoint, tuple(result for _, result in rows))
        for label, rows in by_label.items()
    }
    arms = [arm.name for arm in config.arms] or [""]
    images = benchmark_images(run, [row for row, _ in results])
    notes = study_notes(config, (store.get(SharedPrompts, run.id) or SharedPrompts()).groups)  # the same for all arms
    half_read = without_last_token(store, run.id, config)
    rated = store.get(RewardAccuracy, run.id) or RewardAccuracy()
    of_rated = (*_rated_before(rated, config), *accuracy_notes([name for name in half_read if name in rated.shares]))
    notes = replace(notes, unlike=(*notes.unlike, *of_rated))
    records = [_record(store, run, sweeps, arm, config, images, notes) for arm in arms]
    rows_of = {label: [row for row, _ in rows] for label, rows in by_label.items()}
    own = [caveats(record, config, rows_of, half_read) for record in records]
    same_versions = can_continue(store, run)
    return [
        replace(record, notes=(*record.notes, *told), caveats=told, can_continue=same_versions)
        for record, told in zip(records, own, strict=True)
    ]


def records_of_all(store: Store, names: Sequence[str]) -> list[RunRecord]:
    """Records of several runs, in order. Raises ConfigError for a run that is named twice."""
    return [record for run in run_ids(store, names) for record in records_of(store, run)]


def run_ids(store: Store, names: Sequence[str]) -> list[str]:
    """Ids of runs by id or name. Raises StoreError for a run that is not there, and ConfigError for one that is named twice."""
    runs = [store.run(name).id for name in names]
    twice = next((run for i, run in enumerate(runs) if run in runs[:i]), None)
    if twice:
        raise ConfigError(f"{twice} is named twice ({', '.join(names)}). Name each run once; `list runs` shows all.")
    return runs


def shown_labels(records: Sequence[RunRecord], names: Sequence[str] | None) -> list[str] | None:
    """One label a record: the run's name, followed by what distinguishes the arms of a run.

    Raises ConfigError for another number of names than runs.
    """
    runs = list(dict.fromkeys(record.run_id for record in records))
    if not names:
        return None
    if len(names) != len(runs):
        raise ConfigError(f"`--name` for {len(names)} of {len(runs)} runs. Give it once for each run, in their order.")
    often = Counter(record.run_id for record in records)
    by_run = dict(zip(runs, names, strict=True))
    return [f"{by_run[r.run_id]}: {r.name}" if often[r.run_id] > 1 else by_run[r.run_id] for r in records]


def tables_named(store: Store, names: Sequence[str]) -> list[str]:
    """The study's tables that the configurations of these runs name; the main one where none does."""
    configs = [config_of(store.run(name)) for name in names]
    return list(dict.fromkeys(table for config in configs for table in config.published)) or ["Table 2"]


def baseline_named(store: Store, names: Sequence[str]) -> str | None:
    """The baseline that the configurations of these runs name, where all name the same one."""
    named = {config_of(store.run(name)).baseline for name in names}
    return named.pop() if len(named) == 1 else None


def gate_named(store: Store, names: Sequence[str]) -> GatePolicy | None:
    """The policy that the configuration of a single complete run names: the gate that its own report holds."""
    whole = [run for run in map(store.run, names) if run.status == "complete"]
    gates = config_of(whole[0]).gates if len(names) == len(whole) == 1 else None
    return policy_of(gates) if gates is not None else None


def _record(
    store: Store,
    run: StoredRun,
    sweeps: dict[str, SweepResult],
    arm: str,
    config: RunConfig,
    images: BenchmarkImages,
    notes: StudyNotes,
) -> RunRecord:
    labels = ("base", arm) if arm else ("base",)
    present = tuple(sweeps[label] for label in labels if label in sweeps)
    pairs = store.get(Pairs, run.id, arm) or Pairs({})
    seen = seen_images(store, run.id, arm, [sweep.checkpoint for sweep in present])
    shared, unknown = images.shared_with(seen.trained, bool(arm))
    rewarded = {name: images.shared_with(theirs, True)[0] for name, theirs in seen.rewards.items()}
    training = store.get(TrainingLog, run.id, arm) or TrainingLog()
    swept = {result.benchmark: result for sweep in present for result in sweep.results}
    rewards = store.get(RewardAccuracy, run.id) or RewardAccuracy()
    models = [model.name for model in config.reward_models]
    whole = all(len(s.results) == len(config.sweep) and all(result.formulas for result in s.results) for s in present)
    return RunRecord(
        run_id=run.id,
        name=arm or run.name,
        complete=len(present) == len(labels) and whole,  # no gate passes without the metrics of a benchmark that is gone
        config_yaml=run.config,
        command=run.command,
        sweeps=present,
        training=training.steps,
        pairs_report=pairs.report,
        example_pairs=pairs.examples,
        served=served(store, run.id, [*(label for label in labels if label in sweeps), *models], config),
        reward_accuracy=rewards.shares,
        reward_pairs=rewards.pairs,
        reward_pairs_left_out=rewards.left_out or {},
        rater_checks=training_checks(store.path.parent / run.id, rewards.digests, {arm: training.rated_by}),
        overlap=shared,
        overlap_unknown=unknown,
        overlap_rewards={name: files for name, files in rewarded.items() if files},
        reward_notes={name: _training_notes(store, run.id, name) for name in models},
        versions=run.versions,
        timings=(store.get(Timings, run.id) or Timings()).seconds,
        notes=(*training.notes, *_of_other_code(run, training.code)),
        data_folder=Path(run.data_folder),
        study=replace(notes, partial=partial_sweep(config, swept)),
        begun=run.created_at,
    )


def _training_notes(store: Store, run: str, model: str) -> tuple[str, ...]:
    """How long a reward model was trained, and what its training reports."""
    log = store.get(TrainingLog, run, model)
    return () if log is None else (f"trained in {count(len(log.steps), 'step')}.", *log.notes)


def _rated_before(rewards: RewardAccuracy, config: RunConfig) -> tuple[str, ...]:
    """What is wrong with held-out accuracies of earlier versions, where reward models hold out by other seeds or shares."""
    splits = {(config.seed_of(m), m.align.options.get("seed"), m.align.options.get("held_out")) for m in config.reward_models}
    if not rewards.shares or rewards.left_out is not None or len(splits) < 2:
        return ()
    return (
        "Held-out accuracies of reward models may be of pairs that another one of them was trained on: an earlier version "
        "rated them, and they hold out by different seeds or shares. Under another name, the run is rated without such pairs.",
    )


def _of_other_code(run: StoredRun, trained_by: Sequence[str]) -> tuple[str, ...]:
    """What is said of an arm that was trained by other code than that which began its run; nothing is known of older runs."""
    begun_by = run.versions.get(CODE, "")
    if not trained_by or set(trained_by) == {begun_by}:
        return ()
    steps = ", then by ".join(f"the code {code}" if code else _EARLIER for code in trained_by)
    return (f"Trained by {steps}; the run was begun by {begun_by or _EARLIER}.",)


def _reasons(store: Store, run_id: str, row: StoredResult) -> Mapping[str, str]:
    return (store.get(MissingItems, run_id, row.label, row.benchmark) or MissingItems()).reasons


def _result(
    store: Store, row: StoredResult, reasons: Mapping[str, str], repeats: JudgeRepeats | None = None
) -> BenchmarkResult:
    keys = [key for key in row.answer_keys if key is not None]
    known = store.answers(keys)
    answers = tuple(
        replace(known[key], item_id=item.id)
        for item, key in zip(row.items, row.answer_keys, strict=True)
        if key is not None and key in known
    )
    have = {answer.item_id for answer in answers}
    benchmark = measured_by(row.options)
    missing = {item.id: reasons.get(item.id, "no answer is stored") for item in row.items if item.id not in have}
    told = ProtocolRecord(as_facts(row.protocol.facts))  # numbers were stored as such
    protocol = with_judge_check(told, store.path.parent)
    made = BenchmarkResult(row.benchmark, protocol, row.items, answers, row.scores, benchmark.formulas, missing)
    if isinstance(benchmark, Gone):
        return made
    made = replace(made, whole=form_of(benchmark).whole)
    if repeats is not None and repeats.stands_for(row.scores):
        made = replace(made, judged_again=repeats.scores)
    if isinstance(benchmark, RatesOnAScale):
        made = replace(made, rating=benchmark.rating_scale.addend)
    if isinstance(benchmark, CountsUnread):
        made = replace(made, unread_counts=benchmark.unread_counts)
    if isinstance(benchmark, CountsRows):
        made = replace(made, rows=benchmark.rows)
    if isinstance(benchmark, ScoresTogether):
        by_id = {answer.item_id: answer for answer in answers}
        made = replace(made, together=StoredTogether(benchmark, by_id, AS_WRITTEN in protocol.facts))
    if isinstance(benchmark, CountsYesNo):
        made = replace(made, labels_by_slice=benchmark.labels_by_slice)
    if isinstance(benchmark, AsksAboutObjects):
        made = replace(made, asked_object=benchmark.asked_object)
    if not isinstance(benchmark, DescribesItems):
        return made
    return replace(made, subject=benchmark.subject, reference=benchmark.reference)
