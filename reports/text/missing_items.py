"""Items without an answer or without a verdict, in sentences: which, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.core.stats import NO_INTERVAL
from reports.text.formatting import listing, row_name, shortened, title_of
from reports.text.moved import untested
from reports.values.comparison import Comparison
from reports.values.table import Cell, Table

_AGAIN = (
    "Fix the problem and run the same command again; only the missing items are asked again. It is refused, and says what has "
    "changed, where labels, questions, images, a judge or plug-ins are not those that were measured: then run it under another "
    "name (`name=...`; for a sweep another `--output`)."
)
_OTHERWISE = (
    "{0} {1} refused under the same name, since versions of benchmarks have changed: fix the problem and run the command under "
    "another one (`name=...`; for a sweep another `--output`)."
)
_FROM_FILES = "Answers from files are not asked for: add what the files lack and run the same command again."
_REASONS, _IDS, _ID = 12, 4, 120  # shown of each; characters of an id


def missing_lines(comparison: Comparison) -> list[str]:
    """A line for each benchmark, column and reason; empty where every item was answered and judged."""
    lines = []
    for failed in comparison.failures:
        who = f"{title_of(failed.benchmark)}, {failed.column}"
        lines += _lines(who, failed.missing_why, "missing")
        lines += _lines(who, failed.unjudged_why, f"of {failed.answered:,} not judged")
    return lines


def what_to_do(comparison: Comparison) -> str:
    """What helps where items are missing or not judged: a server or a judge is asked again, a file is not, nor a run
    whose benchmarks have changed since."""
    failed = [one for one in comparison.failures if one.missing_why or one.unjudged_why]
    runs = {column.label: column.run_id for column in comparison.columns}
    asked = {runs.get(one.column, "") for one in failed if not one.from_files}
    closed = {run.run_id for run in comparison.runs if not run.can_continue} & asked
    told = [_AGAIN] if asked - closed else []
    told += [_OTHERWISE.format(listing(sorted(closed), 6), "is" if len(closed) == 1 else "are")] if closed else []
    return " ".join([*told, *([_FROM_FILES] if any(one.from_files for one in failed) else [])])


def unjudged_lines(comparison: Comparison) -> list[str]:
    """'MMHal-Bench, base: 5 of 60, its numbers are about those alone', for each benchmark and column with unjudged answers."""
    remarks = []
    for failed in (f for f in comparison.failures if f.unjudged_why):
        judged = failed.answered - sum(map(len, failed.unjudged_why.values()))
        counts = f"{judged:,} of {failed.answered:,}"
        remarks.append(f"{title_of(failed.benchmark)}, {failed.column}: {counts}, its numbers are about those alone")
    return remarks


def unknown_lines(table: Table, headline: bool = True) -> list[str]:
    """'AMBER score is unknown for base: no question of ...', for metrics of the headline table, or of the rest, without a
    value."""
    lines = [
        f"{listing(names, 4)} {'is' if len(names) == 1 else 'are'} unknown for {listing(who, 4)}: {why}."
        for (why, who), names in _by_reason(table, headline, lambda cell: cell.value is None).items()
    ]
    return lines if len(lines) <= _REASONS else [*lines[:_REASONS], "More metrics are unknown."]


def interval_lines(table: Table, headline: bool = True) -> list[str]:
    """'POPE accuracy and CHAIRi of base have no interval: fewer than 5 images count.', for the same of the values; then those
    whose differences have neither interval nor test for another reason."""
    lines = [
        f"{listing(names, 4)} of {listing(who, 4)} {'has' if len(names) * len(who) == 1 else 'have'} {why}."
        for (why, who), names in _by_reason(table, headline, lambda c: c.value is not None and c.low is None).items()
    ] + [
        f"The difference in {listing(names, 4)} of {listing(who, 4)} has no interval and no test: of the items that both sides "
        f"answered, {why}."
        for (why, who), names in _by_reason(table, headline, untested, _why_untested).items()
    ]
    return lines if len(lines) <= _REASONS else [*lines[:_REASONS], "More metrics have no interval."]


def _why_untested(cell: Cell) -> str:
    """ "" where the reason is that of the value's own interval."""
    why = cell.difference.why if cell.difference is not None else ""
    return "" if cell.why == f"{NO_INTERVAL}{why}" else why


def _by_reason(
    table: Table, headline: bool, lacks: Callable[[Cell], bool], why_of: Callable[[Cell], str] = lambda cell: cell.why
) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """(why, columns) -> metrics whose cells lack something there."""
    columns: dict[tuple[str, str], list[str]] = {}
    for row in (row for row in table.rows if row.headline == headline):
        for column, cell in zip(table.columns, row.cells, strict=True):
            if cell is not None and (why := why_of(cell)) and lacks(cell):
                columns.setdefault((row_name(row), why), []).append(column.label)
    metrics: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (metric, why), who in columns.items():
        metrics.setdefault((why, tuple(who)), []).append(metric)
    return metrics


def _lines(who: str, reasons: Mapping[str, tuple[str, ...]], state: str) -> list[str]:
    lines = []
    for why, items in list(reasons.items())[:_REASONS]:
        more = f" and {len(items) - _IDS:,} more" if len(items) > _IDS else ""
        word = "item" if len(items) == 1 else "items"
        shown = [shortened(item, _ID) for item in items[:_IDS]]  # an id may hold the question
        lines.append(f"{who}: {len(items):,} {word} {state} ({', '.join(shown)}{more}): {why}")
    if len(reasons) > _REASONS:
        rest = sum(len(items) for items in list(reasons.values())[_REASONS:])
        lines.append(f"{who}: {rest:,} more items {state} for other reasons")
    return lines
