"""What the columns of a comparison are called: after their runs, and told apart where names are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.core.run_record import RunRecord, SweepResult
from reports.text.settings import settings_of
from reports.values.table import Column


def run_label(record: RunRecord, i: int, labels: Sequence[str] | None) -> str:
    return labels[i] if labels is not None else record.name


def has_arms(record: RunRecord) -> bool:
    """The run aligns checkpoints: one whose arms are not swept yet is still no arm."""
    return bool(settings_of(record).get("arms"))


def is_alone(record: RunRecord) -> bool:
    """Only evaluated: its checkpoint goes by the name of its run."""
    return len(record.sweeps) == 1 and not has_arms(record)


def column_label(
    record: RunRecord, i: int, sweep: SweepResult, j: int, records: Sequence[RunRecord], labels: Sequence[str] | None
) -> str:
    alone = is_alone(record)
    if not alone and (len(records) == 1 or i == j == 0):
        return sweep.label
    run = run_label(record, i, labels)
    if j == 0 and labels is None and not alone:  # a base is its run's, not an arm's
        run = own_name(record, records) or run
    return run if alone or (j == 1 and len(record.sweeps) == 2) else f"{run}: {sweep.label}"


def with_unique_labels(columns: list[Column], runs: Sequence[tuple[str, str]]) -> list[Column]:
    """Columns of one label are distinguished by the seed of their run, else by its name, else they are numbered.

    runs: of each column's run its seed, and its name where no other run has it.
    """
    often = Counter(column.label for column in columns)
    with_seed = Counter((column.label, seed) for column, (seed, _) in zip(columns, runs, strict=True))
    seen: Counter[str] = Counter()
    unique = []
    for column, (seed, name) in zip(columns, runs, strict=True):
        label = column.label
        seen[label] += 1
        if often[label] > 1:
            named = f"{name}: {label}" if name else f"{label} #{seen[label]}"
            label = f"{label} seed {seed}" if seed and with_seed[label, seed] == 1 else named
        unique.append(replace(column, label=label))
    return unique


def own_name(record: RunRecord, records: Sequence[RunRecord]) -> str:
    """The name of a record's run; "" where another run has the same."""
    name = stated(record, "name")
    return "" if any(stated(r, "name") == name for r in records if r.run_id != record.run_id) else name


def stated(record: RunRecord, setting: str) -> str:
    return str(settings_of(record).get(setting, ""))


def short_name(label: str, most: int) -> str:
    """A name of at most `most` characters, cut in its middle: names of checkpoints often begin alike and end differently."""
    if len(label) <= most:
        return label
    head = (most - 1) // 2
    return f"{label[:head]}\u2026{label[len(label) - (most - 1 - head) :]}"


def short_names(labels: Sequence[str], most: int) -> list[str]:
    """Names of a figure or a table, each of at most `most` characters and different from one another where the labels are.

    Where names that are cut in their middle are the same, what those labels begin with and end with alike goes first; where
    that is not enough, their names are numbered by their places.
    """
    found = {label: short_name(label, most) for label in labels}
    for group in _alike(found):
        found |= zip(group, _without_shared(group, most), strict=True)
    ends = {label: f" #{place}" for place, label in enumerate(found, start=1)}
    for group in _alike(found):
        found |= {label: short_name(label, most - len(ends[label])) + ends[label] for label in group}
    return [found[label] for label in labels]


def _alike(names: Mapping[str, str]) -> list[list[str]]:
    """Groups of labels that have one name."""
    groups: dict[str, list[str]] = {}
    for label, name in names.items():
        groups.setdefault(name, []).append(label)
    return [group for group in groups.values() if len(group) > 1]


def _without_shared(labels: Sequence[str], most: int) -> list[str]:
    """Names of different labels without the beginning and the end that all of them have, as far as there is no room for it."""
    head, tail = _shared(labels), _shared([label[::-1] for label in labels])
    tail = min(tail, min(map(len, labels)) - head)  # of "aa" and "aaa" one letter would be of both
    room = max(0, most - 2 - max(len(label) - head - tail for label in labels))  # beside two ellipses
    head -= min(head, room // 2)
    tail -= min(tail, room - room // 2)
    own = [label[head : len(label) - tail] for label in labels]
    return [short_name(("\u2026" if head else "") + name + ("\u2026" if tail else ""), most) for name in own]


def _shared(labels: Sequence[str]) -> int:
    """How many characters all labels begin with alike."""
    letters = zip(*labels, strict=False)
    return next((i for i, of_each in enumerate(letters) if len(set(of_each)) > 1), min(map(len, labels)))
