"""The title of a report, and the line under it: which model, on which data, how many items (of the baseline), how many training
seeds."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.edge.text import count
from harness.core.run_record import BenchmarkResult, RunRecord, SweepResult
from reports.text.formatting import listing, title_of
from reports.text.settings import settings_of
from reports.values.table import Column

_MOST = 4  # names in a list
_LONGEST = 100  # characters of a title of several names
_PLAIN = ("checkpoint", "data", "final", "model", "snapshot")  # folder names that name nothing


def title(records: Sequence[RunRecord], labels: Sequence[str] | None) -> str:
    """The names of the studies, or the runs' given names; the arms of a study are columns of its report, not its title."""
    if labels is not None:
        names = [label.removesuffix(f": {record.name}") for label, record in zip(labels, records, strict=True)]
    else:
        names = [str(settings_of(record).get("name") or record.name) for record in records]
    named = list(dict.fromkeys(names))
    return next((text for most in range(_MOST, 1, -1) if len(text := listing(named, most)) <= _LONGEST), listing(named, 1))


def subtitle(records: Sequence[RunRecord], base: SweepResult, short: Sequence[Column]) -> tuple[str, ...]:
    """Parts of the line; the date stands apart, since reports of one study are the same bytes whenever it ran."""
    trained = [column for column in short if column.trained] if any(record.training for record in records) else []
    return tuple(part for part in (_model(base), _data(records), _items(base), _seeds(trained)) if part)


def dates(records: Sequence[RunRecord]) -> tuple[str, ...]:
    """The days on which the runs began, first to last."""
    days = sorted({record.begun[:10] for record in records if record.begun})
    return (f"{days[0]} to {days[-1]}" if len(days) > 1 else days[0],) if days else ()


def _model(base: SweepResult) -> str:
    """A hub name as it is; of a folder its name, with its parent's where that says more."""
    name = base.checkpoint.base or base.checkpoint.id
    return _folder(name) if name.startswith("/") else name


def _folder(path: str) -> str:
    """Its name, with its parent's where that says more."""
    parent, last = ("", *path.rstrip("/").split("/"))[-2:]
    return f"{parent}/{last}" if parent and last in _PLAIN else last


def _data(records: Sequence[RunRecord]) -> str:
    names = {str(settings_of(record).get("data") or record.data_folder) for record in records}
    if names == {"miniworld"}:
        return "miniature world"
    found = listing(sorted({_folder(name) for name in names}), 3)
    return found if found == "data" else f"data {found}"


def _items(base: SweepResult) -> str:
    return listing([f"{title_of(result.benchmark)} {_answered(result)}" for result in base.results], _MOST)


def _answered(result: BenchmarkResult) -> str:
    """'260 items', or '236 of 260 items' where the others have no answer."""
    some = f"{len(result.answers):,} of " if len(result.answers) < len(result.items) else ""
    return f"{some}{count(len(result.items), 'item')}"


def _seeds(trained: Sequence[Column]) -> str:
    if not trained:
        return ""
    seeds = sorted({len(column.places) or 1 for column in trained})
    words = " or ".join("one" if n == 1 else str(n) for n in seeds)
    return f"{words} training seed{'' if seeds == [1] else 's'}" + (" of each method" if len(trained) > 1 else "")
