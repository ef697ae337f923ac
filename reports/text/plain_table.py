"""The short table as rows of plain text, for a terminal and for Markdown: headline metrics only."""

from __future__ import annotations

from collections.abc import Sequence

from reports.text.formatting import (
    ARROWS,
    DIFFERS,
    UNKNOWN,
    cell_text,
    difference_text,
    judged_text,
    listing,
    number,
    probability,
    protocol_text,
    row_name,
    unknown_protocol_text,
    value_text,
    who,
)
from reports.text.missing_items import interval_lines, unjudged_lines, unknown_lines
from reports.text.moved import untested, with_p
from reports.text.reply_models import OTHER_MODELS, reply_lines
from reports.text.runs import caveat_lines
from reports.text.unpaired import unpaired_line
from reports.values.comparison import Comparison
from reports.values.table import Cell, Row, Table, Unit

MANY = 4  # columns that fit side by side with their intervals
MANY_METRICS = 7  # metrics that fit side by side without them
_SIGNIFICANT = {"better": "better", "worse": "worse", "changed": "changed", "": "inconclusive"}


def text_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """(header, rows). Against one checkpoint a row says all about its difference; with more, one cell a column; with many
    (over `MANY` columns) checkpoints are the rows, or the metrics where they are more than fit, and intervals are left
    to the report."""
    table = comparison.short
    rows = table.headline
    if is_turned(table):
        if len(rows) > max(MANY_METRICS, len(table.columns)):
            return ["metric", *(who(column) for column in table.columns)], [_metric(row) for row in rows]
        first = "method" if table.by_method else "checkpoint"
        return [first, *map(row_name, rows)], [_checkpoint(table, rows, i) for i in range(len(table.columns))]
    if len(table.columns) == 2:
        labels = [who(column) for column in table.columns]
        header = ["metric", *labels, "difference [95 %]", "p (Holm)", "significant"]
        return header, [_wide(row) for row in rows]
    return ["metric", *(who(column) for column in table.columns)], [_narrow(row) for row in rows]


def is_turned(table: Table) -> bool:
    """Checkpoints or methods are too many to stand side by side with their intervals, which are left out."""
    return len(table.columns) > MANY or table.by_method


def _wide(row: Row) -> list[str]:
    base, other = row.cells
    difference = other.difference if other else None
    texts = ""
    if other is not None and difference is not None:
        known = f"{ARROWS[other.significant]} {_SIGNIFICANT[other.significant]}".strip()
        texts = "unknown" if difference.value is None else "not tested" if untested(other) else known
    return [
        row_name(row),
        cell_text(base, row.shown_unit),
        cell_text(other, row.shown_unit),
        difference_text(difference, row.shown_unit),
        probability(other.p_holm if other else None),
        texts,
    ]


def _narrow(row: Row) -> list[str]:
    return [
        row_name(row),
        cell_text(row.cells[0], row.shown_unit),
        *(_with_change(cell, row.shown_unit) for cell in row.cells[1:]),
    ]


def _metric(row: Row) -> list[str]:
    return [row_name(row), *(_short(cell, row.shown_unit) for cell in row.cells)]


def _checkpoint(table: Table, rows: Sequence[Row], column: int) -> list[str]:
    return [who(table.columns[column]), *(_short(row.cells[column], row.shown_unit) for row in rows)]


def _short(cell: Cell | None, unit: Unit) -> str:
    """Value, change and mark: "16.2 (-6.2) ▲"."""
    value = value_text(cell, unit)
    if cell is None or cell.difference is None or cell.difference.value is None:
        return value
    arrow = ARROWS[cell.significant] if cell.significant else ""
    return f"{value} ({number(cell.difference.value, unit, signed=True)}) {arrow}".strip()


def _with_change(cell: Cell | None, unit: Unit) -> str:
    if cell is None or cell.difference is None or cell.difference.value is None:
        return cell_text(cell, unit)
    mark = f" {ARROWS[cell.significant]}" if cell.significant else ""
    judged = f" {judged_text(cell)}" if cell.n_answered else ""
    return f"{number(cell.value, unit)} ({with_p(difference_text(cell.difference, unit), cell)}){mark}{judged}"


PARTIAL = "{}. Not comparable with numbers of whole benchmarks."


def warnings(comparison: Comparison) -> list[str]:
    """What a reader must know before the table: unfinished runs, parts of benchmarks, protocols that differ."""
    texts = []
    if comparison.incomplete:
        names = listing(list(dict.fromkeys(comparison.incomplete)), 6)
        texts.append(f"Incomplete: {names} did not finish; what is missing is shown as {UNKNOWN}.")
    texts += [f"Partial sweep: {PARTIAL.format('; '.join(comparison.study.partial))}"] if comparison.study.partial else []
    texts += caveat_lines(comparison.runs)
    texts += comparison.study.unlike
    texts += [f"Not all answers were judged: {line}." for line in unjudged_lines(comparison)]
    texts += [f"{OTHER_MODELS}: {line}." for line in reply_lines(comparison)]
    if comparison.protocol_differences:
        texts.append(f"Not the same protocol ({DIFFERS}): {protocol_text(comparison.protocol_differences)}.")
    if comparison.protocol_unknown:
        texts.append(f"Protocol not known (answers from files): {unknown_protocol_text(comparison.protocol_unknown)}.")
    texts += [line] if (line := unpaired_line(comparison.short)) else []
    texts += [*unknown_lines(comparison.short), *interval_lines(comparison.short)]
    return texts
