"""Evidence for and against labels, gathered from stored runs: the input of `harness.labels.suspicion`. Asks no model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.audit.judge_queue import verdict_queue
from harness.config.schema import BenchmarkConfig
from harness.core.errors import ConfigError
from harness.core.evaluation import Item, Score
from harness.core.plugins import Progress, no_progress
from harness.evaluation.scoring import unjudged
from harness.labels.cases import Case
from harness.labels.claims import Auditable, Claim, Evidence, ImageAnnotations, ImpliedLabel, Witness
from harness.storage.data_folder import DataFolder
from harness.storage.run_store import Store, StoredResult, StoredRun


@dataclass(frozen=True, slots=True)
class Gathered:
    """The evidence on one benchmark and the labels that each checkpoint implies."""

    evidence: Evidence
    witnesses: tuple[Witness, ...]


def queue(
    store: Store,
    benchmark: str,
    runs: Sequence[str] = (),
    *,
    sample: int = 0,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[Case, ...]:
    """All labels of a benchmark in the stored runs, most suspicious first; `sample` of them, drawn at random, are `control`.

    Args:
        runs: ids or names; all runs where none is named.
    Of a benchmark that a judge rates: the verdicts that a second judge or the rules contradict.
    Raises ConfigError where no run has the benchmark, or where its labels cannot be audited.
    """
    from harness.labels.suspicion.rank import rank_labels

    gathered = gather(store, runs, progress)
    if benchmark not in gathered and (verdicts := verdict_queue(store, benchmark, runs)):
        return verdicts
    if benchmark not in gathered:
        known = ", ".join(gathered) or "none"
        raise ConfigError(
            f"There is nothing to audit in {benchmark!r}: it has no labels here, and no verdict that a second judge or "
            f"the rules contradict. Benchmarks with labels in these runs: {known}."
        )
    own = gathered[benchmark]
    others = [one.evidence for name, one in gathered.items() if name != benchmark]
    return rank_labels(own.evidence, own.witnesses, others, sample=sample, seed=seed)


def known_items(store: Store) -> dict[str, set[str]]:
    """Benchmark's name -> ids of its items in all runs."""
    found: dict[str, set[str]] = {}
    for run in store.runs():
        for result in store.results(run.id):
            found.setdefault(str(result.options["name"]), set()).update(item.id for item in result.items)
    return found


def auditable(spec: BenchmarkConfig) -> Auditable | None:
    """The benchmark behind a configuration where its labels can be audited."""
    benchmark = unjudged(spec)
    return benchmark if isinstance(benchmark, Auditable) else None


def gather(store: Store, runs: Sequence[str] = (), progress: Progress = no_progress) -> dict[str, Gathered]:
    """Benchmark's name -> its evidence, for every benchmark with labels in the runs. An item's latest run counts."""
    chosen = [store.run(name) for name in runs] if runs else store.runs()
    rows: dict[str, list[tuple[StoredRun, StoredResult]]] = {}
    for n, run in enumerate(chosen, 1):
        for result in store.results(run.id):
            rows.setdefault(str(result.options["name"]), []).append((run, result))
        progress("reading runs", n, len(chosen))
    found: dict[str, Gathered] = {}
    for name, own in rows.items():
        benchmark = auditable(_spec(own[-1][1]))
        if benchmark is not None:
            found[name] = _gathered(store, name, benchmark, own, progress)
    return found


def _gathered(
    store: Store, name: str, benchmark: Auditable, rows: Sequence[tuple[StoredRun, StoredResult]], progress: Progress
) -> Gathered:
    items = {item.id: item for _, result in rows for item in result.items}
    names, newest = _names(rows), _newest(rows)
    witnesses = []
    for n, (digest, result) in enumerate(newest.items(), 1):
        witnesses.append(_witness(store, benchmark, names[digest], result))
        progress(f"reading answers to {name}", n, len(newest))
    evidence = Evidence(
        benchmark=name,
        items=tuple(items.values()),
        claims=tuple(_claims(benchmark, items, witnesses)),
        image_annotations=_images(benchmark, tuple(items.values()), [run for run, _ in rows]),
        free_text=benchmark.free_text,
    )
    return Gathered(evidence, tuple(witnesses))


def _newest(rows: Sequence[tuple[StoredRun, StoredResult]]) -> dict[str, StoredResult]:
    """One result a checkpoint: weights that were swept in several runs are one witness."""
    return {result.checkpoint.digest: result for _, result in rows}


def _names(rows: Sequence[tuple[StoredRun, StoredResult]]) -> dict[str, str]:
    """digest -> the checkpoint's label, with its run where two checkpoints have one label."""
    by_label: dict[str, set[str]] = {}
    for _, result in rows:
        by_label.setdefault(result.label, set()).add(result.checkpoint.digest)
    return {
        result.checkpoint.digest: result.label if len(by_label[result.label]) == 1 else f"{run.id}: {result.label}"
        for run, result in rows
    }


def _witness(store: Store, benchmark: Auditable, name: str, result: StoredResult) -> Witness:
    items = {item.id: item for item in result.items}
    keys = {item.id: key for item, key in zip(result.items, result.answer_keys, strict=True) if key is not None}
    known = store.texts(keys.values())
    implied: dict[tuple[str, str], ImpliedLabel] = {}
    nouns: dict[str, list[str]] = {}
    answers = {item_id: known[key] for item_id, key in keys.items() if key in known}
    for score in result.scores:
        for field, one in benchmark.implied_labels(items[score.item_id], score).items():
            implied[score.item_id, field] = one
        if found := _uncovered(score, answers.get(score.item_id, "")):
            nouns[score.item_id] = found
    return Witness(name, answers, implied, nouns)


def _uncovered(score: Score, text: str) -> list[str]:
    return [text[s.start : s.end].lower() for s in score.spans if s.kind == "uncovered"]


def _claims(benchmark: Auditable, items: Mapping[str, Item], witnesses: Iterable[Witness]) -> Iterable[Claim]:
    """The labels of all items, and those that only an answer brings up (an object that is not in the truth)."""
    fields = {item_id: dict.fromkeys(benchmark.fields(item)) for item_id, item in items.items()}
    for witness in witnesses:
        for item_id, field in witness.implied:
            fields[item_id][field] = None
    for item_id, own in fields.items():
        for field in own:
            claim = benchmark.claim(items[item_id], field)
            if claim is not None:
                yield claim


def _images(benchmark: Auditable, items: tuple[Item, ...], runs: Sequence[StoredRun]) -> Mapping[str, ImageAnnotations]:
    """From the newest run's data folder that still is there; without one the audit goes on without annotations."""
    folder = next((Path(run.data_folder) for run in reversed(runs) if Path(run.data_folder).is_dir()), None)
    return benchmark.image_annotations(DataFolder(folder), items) if folder is not None else {}


def _spec(result: StoredResult) -> BenchmarkConfig:
    return BenchmarkConfig.model_validate(dict(result.options))
