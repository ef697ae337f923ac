"""Runs as a person started them: a run with several arms leaves one record an arm, but is reproduced once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.core.edge.text import count
from harness.core.run_record import RunRecord
from reports.text.formatting import listing
from reports.values.comparison import RunFacts
from reports.values.table import Column

_MOST_NOTES = 16  # on a terminal


def facts_of(records: Sequence[RunRecord], columns: Sequence[Column]) -> tuple[RunFacts, ...]:
    """How each run came about; `columns`: of the report, of which one is its checkpoint once that is swept."""
    labels = {(column.run_id, column.run_name): column.label for column in columns}
    return tuple(_facts(record, labels.get((record.run_id, record.name), record.name)) for record in records)


def _facts(record: RunRecord, column: str) -> RunFacts:
    return RunFacts(
        run_id=record.run_id,
        name=record.name,
        column=column,
        complete=record.complete,
        command=record.command,
        config_yaml=record.config_yaml,
        versions=dict(record.versions),
        digests={sweep.label: sweep.checkpoint.digest for sweep in record.sweeps},
        notes=tuple(record.notes),
        caveats=tuple(record.caveats),
        can_continue=record.can_continue,
        overlap=dict(record.overlap),
        overlap_unknown=record.overlap_unknown,
        overlap_rewards={name: dict(files) for name, files in record.overlap_rewards.items()},
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
        notes=tuple(_owned([(arm.name, arm.notes) for arm in arms])),
        caveats=tuple(_owned([(arm.name, arm.caveats) for arm in arms])),
    )


def _owned(noted: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Each note once, behind the names of those that it belongs to; without a name where it belongs to all."""
    owners: dict[str, list[str]] = {}
    for name, notes in noted:
        for note in notes:
            owners.setdefault(note, []).append(name)
    return [f"{listing(names)}: {note}" if len(names) < len(noted) else note for note, names in owners.items()]


def caveat_lines(runs: Sequence[RunFacts]) -> list[str]:
    """What must be known before the numbers are read, each once; of several runs behind the ids of those that it is of."""
    return _owned([(run.run_id, run.caveats) for run in whole_runs(runs)])


def note_lines(runs: Sequence[RunFacts]) -> list[str]:
    """The other notes of the runs in the same form, the first of many."""
    rest = [(run.run_id, [note for note in run.notes if note not in run.caveats]) for run in whole_runs(runs)]
    lines = _owned(rest)
    left = len(lines) - _MOST_NOTES
    return lines if left <= 0 else [*lines[:_MOST_NOTES], f"{count(left, 'more note')}: `compare RUN --as markdown` has all."]


def overlap_sentence(runs: Sequence[RunFacts]) -> str:
    """What a reader must know before the numbers: benchmark images that were trained on; "" where none are known."""
    found = [f"{count(len(files), 'image')} of {names}" for names, files in overlaps(runs)]
    return f"Trained on images of the benchmarks (the same files, by content): {'; '.join(found)}." if found else ""


def overlaps(runs: Sequence[RunFacts]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(names of the columns, (digest, file) of the images that their training shares with a benchmark), where there are any;
    then the same of the reward models by which columns were trained."""
    by_files: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = {}
    for run in runs:
        for reward, files in (("", run.overlap), *run.overlap_rewards.items()):
            if files:
                by_files.setdefault((reward, tuple(sorted(files.items()))), []).append(run.column)
    found = [(_named(names), list(files)) for (reward, files), names in by_files.items() if not reward]
    rewards = [(reward, names, list(files)) for (reward, files), names in by_files.items() if reward]
    return [
        *found,
        *((f"the reward model {reward}, by which {_named(names)} {_were(names)} trained", f) for reward, names, f in rewards),
    ]


def overlap_notes(runs: Sequence[RunFacts]) -> list[str]:
    """Of which columns it is not known, and why; "None." where nothing else is to say."""
    by_reason: dict[str, list[str]] = {}
    for run in runs:
        if run.overlap_unknown:
            by_reason.setdefault(run.overlap_unknown, []).append(run.column)
    alone = len({run.column for run in runs}) == 1
    notes = [f"Not known{'' if alone else f' of {_named(names)}'}: {why}." for why, names in by_reason.items()]
    clean = [run.column for run in runs if not (run.overlap or run.overlap_rewards or run.overlap_unknown)]
    return [*notes, *([f"None{f' of {_named(clean)}' if len(clean) < len(runs) else ''}."] if clean else [])]


def _were(names: Sequence[str]) -> str:
    return "were" if len(set(names)) > 1 else "was"


def _named(names: Sequence[str]) -> str:
    return listing(list(dict.fromkeys(names)), 6)
