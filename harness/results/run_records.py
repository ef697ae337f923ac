"""Store -> the values that reports are functions of. No model, no generation, no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from harness.config.schema import BenchmarkConfig
from harness.core.capabilities import DescribesItems
from harness.core.digests import file_digest
from harness.core.errors import ConfigError
from harness.core.run_record import BenchmarkResult, RunRecord, SweepResult
from harness.evaluation.scoring import unjudged
from harness.storage import codec
from harness.storage.run_store import Store, StoredResult, StoredRun

Look = Callable[[StoredResult, BenchmarkResult], None]


def records_of(store: Store, run_id: str, look: Look | None = None) -> list[RunRecord]:
    """One record an arm: its checkpoint beside the base, or the base alone where no arm is swept or there is none.

    `look` is shown every result once, as stored and as reports see it.
    """
    run = store.run(run_id)
    config = yaml.safe_load(run.config)
    results = store.results(run.id)
    by_label: dict[str, list[StoredResult]] = {}
    for result in results:
        by_label.setdefault(result.label, []).append(result)
    sweeps = {label: _sweep(store, run.id, label, rows, look) for label, rows in by_label.items()}
    arms = [arm["name"] for arm in config.get("arms", [])] or [""]
    digests = _image_digests(run, results)
    return [_record(store, run, sweeps, arm, len(config["sweep"]), digests) for arm in arms]


def records_of_all(store: Store, names: Sequence[str]) -> list[RunRecord]:
    """Records of several runs, in order. Raises ConfigError for a run that is named twice."""
    runs = [store.run(name).id for name in names]
    twice = next((run for i, run in enumerate(runs) if run in runs[:i]), None)
    if twice:
        raise ConfigError(f"{twice} is named twice ({', '.join(names)}). Name each run once; `list runs` shows all.")
    return [record for run in runs for record in records_of(store, run)]


def shown_labels(records: Sequence[RunRecord], names: Sequence[str] | None) -> list[str] | None:
    """One label a record of one name a run; the arms of a run are told apart behind its name.

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
    """The study's tables that the configurations of these runs want beside; its main one where none does."""
    configs = [yaml.safe_load(store.run(name).config) for name in names]
    return list(dict.fromkeys(table for config in configs for table in config.get("published", []))) or ["Table 2"]


def _record(
    store: Store, run: StoredRun, sweeps: dict[str, SweepResult], arm: str, wanted: int, digests: dict[str, str]
) -> RunRecord:
    labels = ("base", arm) if arm else ("base",)
    present = tuple(sweeps[label] for label in labels if label in sweeps)
    pair_images = set(store.get(run.id, arm, "pair_images", []))
    complete = len(present) == len(labels) and all(len(s.results) == wanted for s in present)
    return RunRecord(
        run_id=run.id,
        name=arm or run.name,
        complete=complete,
        config_yaml=run.config,
        command=run.command,
        sweeps=present,
        training=tuple(store.get(run.id, arm, "training", [])),
        pairs_report=store.get(run.id, arm, "pairs_report", {}),
        example_pairs=tuple(codec.pair(p) for p in store.get(run.id, arm, "example_pairs", [])),
        reward_accuracy=store.get(run.id, "", "reward_accuracy", {}),
        overlap={digest: name for digest, name in digests.items() if digest in pair_images},
        versions=run.versions,
        timings=store.get(run.id, "", "timings", {}),
        notes=tuple(store.get(run.id, arm, "notes", [])),
        data_folder=Path(run.data_folder),
    )


def _sweep(store: Store, run_id: str, label: str, rows: Sequence[StoredResult], look: Look | None) -> SweepResult:
    results = tuple(_result(store, row, store.get(run_id, label, f"missing {row.benchmark}", {})) for row in rows)
    for row, result in zip(rows, results, strict=True):
        if look is not None:
            look(row, result)
    return SweepResult(label, rows[0].checkpoint, results)


def _result(store: Store, row: StoredResult, reasons: Mapping[str, str]) -> BenchmarkResult:
    keys = [key for key in row.answer_keys if key is not None]
    known = store.answers(keys)
    answers = tuple(
        replace(known[key], item_id=item.id)
        for item, key in zip(row.items, row.answer_keys, strict=True)
        if key is not None and key in known
    )
    have = {answer.item_id for answer in answers}
    benchmark = unjudged(BenchmarkConfig.model_validate(dict(row.options)))
    missing = {item.id: reasons.get(item.id, "no answer is stored") for item in row.items if item.id not in have}
    made = BenchmarkResult(row.benchmark, row.protocol, row.items, answers, row.scores, benchmark.formulas, missing)
    if not isinstance(benchmark, DescribesItems):
        return made
    return replace(made, subject=benchmark.subject, reference=benchmark.reference)


def _image_digests(run: StoredRun, results: Sequence[StoredResult]) -> dict[str, str]:
    """sha256 -> name of the benchmark images that can still be found."""
    folder = Path(run.data_folder)
    names = {item.image for result in results for item in result.items if item.image}
    return {file_digest(folder / name): name for name in sorted(names) if (folder / name).is_file()}
