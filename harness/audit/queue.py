"""Evidence for and against labels, gathered from stored runs: the input of `harness.labels.suspicion`. Asks no model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.audit.judges.judge_queue import verdict_queue
from harness.core import registry
from harness.core.edge.processes import without_collecting
from harness.core.edge.text import count
from harness.core.errors import ConfigError
from harness.core.evaluation import Item, Score
from harness.core.nearest import did_you_mean
from harness.core.plugins import Progress, no_progress
from harness.evaluation.scoring import Gone, measured_by
from harness.labels.cases import Case, about
from harness.labels.claims import Auditable, Claim, Evidence, ImpliedLabel, Witness
from harness.labels.labelled_items import LabelledItems
from harness.storage.data_folder import DataFolder
from harness.storage.result_queries import Head, ResultQueries
from harness.storage.run_store import Store, StoredRun

INSTALL = "Install what it came with, in the version that measured it."
Tell = Callable[[str], object]  # is given sentences that whoever asked should read


def untold(note: str) -> None:
    """For those who need no notes."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The evidence on one benchmark and the labels that each checkpoint implies; `notes`: what it lacks, in sentences."""

    evidence: Evidence
    witnesses: tuple[Witness, ...]
    notes: tuple[str, ...] = ()


@without_collecting()
def queue(
    store: Store,
    benchmark: str,
    runs: Sequence[str] = (),
    *,
    sample: int = 0,
    seed: int = 0,
    progress: Progress = no_progress,
    tell: Tell = untold,
) -> tuple[Case, ...]:
    """All labels of a benchmark in the stored runs, most suspicious first; `sample` of them, drawn at random, are `control`.

    Args:
        runs: ids or names; all runs where none is named.
        tell: is given a sentence on each thing that the ranking lacks.
    Of a benchmark that a judge rates: the verdicts that a second judge or the rules contradict.
    Raises ConfigError where no run has the benchmark, or where its labels cannot be audited.
    """
    from harness.labels.suspicion.rank import rank_labels

    gathered = gather(store, runs, progress)
    if benchmark not in gathered and (verdicts := verdict_queue(store, benchmark, runs)):
        return verdicts
    if benchmark not in gathered:
        if benchmark not in (names := registry.names("benchmark")) and (near := did_you_mean(benchmark, (*gathered, *names))):
            raise ConfigError(f"There is no benchmark named {benchmark!r}.{near}")
        if why := _why_gone(store, benchmark, runs):
            raise ConfigError(f"The labels of {benchmark} cannot be audited: {why} {INSTALL}")
        known = ", ".join(gathered) or "none"
        raise ConfigError(
            f"There is nothing to audit in {benchmark!r}: it has no labels here, and no verdict that a second judge or "
            f"the rules contradict. Benchmarks with labels in these runs: {known}."
        )
    own = gathered[benchmark]
    for note in own.notes:
        tell(note)
    others = [one.evidence for name, one in gathered.items() if name != benchmark]
    return rank_labels(own.evidence, own.witnesses, others, sample=sample, seed=seed)


def auditable(options: Mapping[str, Any]) -> Auditable | None:
    """The benchmark of a stored result where its labels can be audited; None also where it cannot be made here."""
    benchmark = measured_by(options)
    return benchmark if isinstance(benchmark, Auditable) else None


def why_gone(options: Mapping[str, Any]) -> str:
    """Why the benchmark of a stored result cannot be made here, as a sentence; "" where it can."""
    benchmark = measured_by(options)
    return f"it cannot be made here: {benchmark.why}" if isinstance(benchmark, Gone) else ""


def _why_gone(store: Store, benchmark: str, runs: Sequence[str]) -> str:
    chosen, reader = [store.run(name) for name in runs] if runs else store.runs(), ResultQueries(store)
    heads = [head for run in chosen for head in reader.heads(run.id) if head.options["name"] == benchmark]
    return why_gone(heads[-1].options) if heads else ""


def gather(store: Store, runs: Sequence[str] = (), progress: Progress = no_progress) -> dict[str, Gathered]:
    """Benchmark's name -> its evidence, for every benchmark with labels in the runs. An item's latest run counts.

    Results are read one after the other, and of each only what ranking needs is kept.
    """
    chosen, reader = [store.run(name) for name in runs] if runs else store.runs(), ResultQueries(store)
    rows: dict[str, list[tuple[StoredRun, Head]]] = {}
    for n, run in enumerate(chosen, 1):
        for head in reader.heads(run.id):
            rows.setdefault(str(head.options["name"]), []).append((run, head))
        progress("reading runs", n, len(chosen))
    found: dict[str, Gathered] = {}
    for name, own in rows.items():
        benchmark = auditable(own[-1][1].options)
        if benchmark is not None:
            found[name] = _gathered(store, name, benchmark, own, progress)
    return found


def _gathered(
    store: Store, name: str, benchmark: Auditable, rows: Sequence[tuple[StoredRun, Head]], progress: Progress
) -> Gathered:
    reader, names, newest = ResultQueries(store), _names(rows), _newest(rows)
    folder = _folder([run for run, _ in rows])
    sets = {head.item_set: reader.items(head.item_set) for _, head in rows}
    labelled = {digest: LabelledItems.among(benchmark, items) for digest, items in sets.items()}
    items = {item.id: item for own, _ in groupby(head.item_set for _, head in rows) for item in labelled[own].items.values()}
    witnesses, apart = [], {digest: _others(benchmark, items, own) for digest, own in labelled.items()}
    for n, (digest, head) in enumerate(newest.items(), 1):
        own, others = labelled[head.item_set], apart[head.item_set]
        asked = [item for item in sets[head.item_set] if own.of[item.id] not in others]
        witnesses.append(_witness(store, benchmark, names[digest], head, sets[head.item_set], own, {i.id for i in asked}))
        progress(f"reading answers to {name}", n, len(newest))
    claims = tuple(_claims(benchmark, items, witnesses))
    images = benchmark.image_annotations(DataFolder(folder), tuple(items.values())) if folder is not None else {}
    shown = tuple(replace(item, truth={}) for item in items.values())  # the claims are all that is left of it
    notes = _notes(name, frozenset[str]().union(*apart.values()), folder, rows[-1][0])
    return Gathered(Evidence(name, shown, claims, images, benchmark.free_text), tuple(witnesses), notes)


def _others(benchmark: Auditable, items: Mapping[str, Item], labelled: LabelledItems) -> frozenset[str]:
    """Ids under which these items ask another question than `items`."""
    free_text = benchmark.free_text
    pairs = ((one, items[item_id]) for item_id, one in labelled.items.items())
    apart = ((one, newest) for one, newest in pairs if (one.image, one.question) != (newest.image, newest.question))
    return frozenset(one.id for one, newest in apart if about(one, "", free_text) != about(newest, "", free_text))


def _notes(name: str, apart: Collection[str], folder: Path | None, newest: StoredRun) -> tuple[str, ...]:
    """What the evidence lacks."""
    notes = []
    if apart:
        notes.append(
            f"Runs ask different questions under {count(len(apart), 'id')} of {name} (such as {min(apart)}). The questions of "
            f"the newest run, {newest.name}, are listed, and answers to the others are left out. Name runs to review theirs."
        )
    if folder is None:
        notes.append(
            f"No data folder of these runs is on this machine (the newest: {newest.data_folder}). Labels are ranked without "
            "annotations of the images, and images are not shown. Bring the folder to that path to have both."
        )
    return tuple(notes)


def _newest(rows: Sequence[tuple[StoredRun, Head]]) -> dict[str, Head]:
    """One result a checkpoint: weights that were swept in several runs are one witness."""
    return {head.checkpoint.digest: head for _, head in rows}


def _names(rows: Sequence[tuple[StoredRun, Head]]) -> dict[str, str]:
    """digest -> the checkpoint's label, with its run where two checkpoints have one label."""
    by_label: dict[str, set[str]] = {}
    for _, head in rows:
        by_label.setdefault(head.label, set()).add(head.checkpoint.digest)
    return {
        head.checkpoint.digest: head.label if len(by_label[head.label]) == 1 else f"{run.id}: {head.label}"
        for run, head in rows
    }


def _witness(
    store: Store,
    benchmark: Auditable,
    name: str,
    head: Head,
    items: Sequence[Item],
    labelled: LabelledItems,
    counted: Collection[str],
) -> Witness:
    """What a checkpoint says of labels. Of several answers to an item all are shown; those that contradict each other imply
    nothing. `counted`: ids of the items whose answers are read."""
    reader = ResultQueries(store)
    pairs = zip(items, reader.answer_keys(head), strict=True)
    keys = {item.id: key for item, key in pairs if key is not None and item.id in counted}
    known, same = store.texts(keys.values()), dict[str, str]()  # a text that many answers have is kept once
    answers = {item_id: same.setdefault(text, text) for item_id, key in keys.items() if (text := known.get(key)) is not None}
    implied: dict[tuple[str, str], list[ImpliedLabel]] = {}
    nouns: dict[str, list[str]] = {}
    for score in (score for score in reader.scores(head) if score.item_id in counted):
        item = labelled.items[labelled.of[score.item_id]]
        for field, one in benchmark.implied_labels(item, score).items():
            implied.setdefault((item.id, field), []).append(one)
        if found := _uncovered(score, answers.get(score.item_id, "")):
            nouns.setdefault(item.id, []).extend(found)
    agreed = {label: own[0] for label, own in implied.items() if len({one.yes for one in own}) == 1}
    return Witness(name, _together(answers, labelled), agreed, nouns)


def _together(answers: Mapping[str, str], labelled: LabelledItems) -> dict[str, str]:
    """The different texts of an item's answers, one below the other."""
    found: dict[str, dict[str, None]] = {}
    for item_id, text in answers.items():
        found.setdefault(labelled.of[item_id], {})[text] = None
    return {item_id: "\n".join(texts) for item_id, texts in found.items()}


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


def _folder(runs: Sequence[StoredRun]) -> Path | None:
    """The newest run's data folder that still is there; without one the audit goes on without annotations."""
    return next((Path(run.data_folder) for run in reversed(runs) if Path(run.data_folder).is_dir()), None)
