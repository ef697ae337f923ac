"""Runs as a person started them: a run with several arms leaves one record an arm, but is reproduced once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.core.run_record import RunRecord
from reports.text.formatting import listing
from reports.values.comparison import RunFacts


def facts_of(record: RunRecord) -> RunFacts:
    """How a run came about."""
    return RunFacts(
        run_id=record.run_id,
        name=record.name,
        complete=record.complete,
        command=record.command,
        config_yaml=record.config_yaml,
        versions=dict(record.versions),
        digests={sweep.label: sweep.checkpoint.digest for sweep in record.sweeps},
        notes=tuple(record.notes),
        overlap=dict(record.overlap),
        pairs_report=dict(record.pairs_report),
        example_pairs=tuple(record.example_pairs[:10]),
        timings=dict(record.timings),
    )


def whole_runs(runs: Sequence[RunFacts]) -> list[RunFacts]:
    """One entry a run id: names joined, digests and notes of all arms together."""
    by_id: dict[str, list[RunFacts]] = {}
    for run in runs:
        by_id.setdefault(run.run_id, []).append(run)
    return [_joined(arms) if len(arms) > 1 else arms[0] for arms in by_id.values()]


def _joined(arms: Sequence[RunFacts]) -> RunFacts:
    return replace(
        arms[0],
        name=listing(list(dict.fromkeys(arm.name for arm in arms))),
        complete=all(arm.complete for arm in arms),
        digests={label: digest for arm in arms for label, digest in arm.digests.items()},
        notes=tuple(f"{name}: {note}" if name else note for note, name in _notes(arms).items()),
    )


def _notes(arms: Sequence[RunFacts]) -> dict[str, str]:
    """note -> names of the arms it belongs to; no name where it belongs to all."""
    owners: dict[str, list[str]] = {}
    for arm in arms:
        for note in arm.notes:
            owners.setdefault(note, []).append(arm.name)
    return {note: listing(names) if len(names) < len(arms) else "" for note, names in owners.items()}


def overlaps(runs: Sequence[RunFacts]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(names of the runs, (digest, file) of the images that their pairs share with a benchmark), where there are any."""
    by_files: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for run in runs:
        if run.overlap:
            by_files.setdefault(tuple(sorted(run.overlap.items())), []).append(run.name)
    return [(listing(list(dict.fromkeys(names)), 6), list(files)) for files, names in by_files.items()]
