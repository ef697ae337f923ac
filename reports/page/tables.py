"""The comparison as a page needs it: rows of text and figures, in the order of the page. No markup but the figures'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.core.edge.text import count
from reports.page import cards, figures
from reports.tables.roles import planes
from reports.text.formatting import (
    ARROWS,
    MINUS,
    UNKNOWN,
    between,
    detectable_text,
    judged_text,
    metric_name,
    number,
    probability,
    row_name,
    title_of,
)
from reports.text.moved import p_beside
from reports.values.comparison import Comparison, Curve
from reports.values.details import Failures
from reports.values.paired import Difference
from reports.values.table import Cell, Column, Row, Table

FEW = 4  # columns that can be distinguished in one figure
MOST_METRICS, MOST_CHECKPOINTS = 6, 6  # that fit side by side on a page of 1,280 pixels


@dataclass(frozen=True, slots=True)
class CellView:
    """One cell as text. n: items that move the difference."""

    value: str
    interval: str
    change: str
    change_interval: str
    arrow: str
    significant: str
    p: str
    n: int
    effect: str
    detectable: str
    note: str
    forest: Markup
    p_beside: str = ""  # of a difference that is not significant although its own interval leaves 0 out


@dataclass(frozen=True, slots=True)
class RowView:
    """One row as text; `first` where a new benchmark begins; `n`: items that move the metric, of the columns' least to most."""

    name: str
    benchmark: str
    about: str
    unit: str
    better: str
    first: bool
    cells: tuple[CellView, ...]
    n: str

    def tested(self, columns: Sequence[Column]) -> list[tuple[str, CellView]]:
        """Columns with a difference."""
        return [(column.label, cell) for column, cell in zip(columns, self.cells, strict=True) if cell.change]


def table(rows: Sequence[Row]) -> list[RowView]:
    """Rows of one table; all differences of one unit share a scale, so that their bars can be compared."""
    reach: dict[str, float] = {}
    for row in rows:
        for d in _differences(row):
            reach[row.unit] = max(reach.get(row.unit, 0), *(abs(v) for v in (d.value, d.low, d.high) if v is not None))
    views = []
    for i, row in enumerate(rows):
        cells = tuple(_cell(cell, row, reach.get(row.unit, 0)) for cell in row.cells)
        first = i == 0 or rows[i - 1].benchmark != row.benchmark
        n = _range([cell.n for cell in row.cells if cell])
        views.append(RowView(row_name(row), title_of(row.benchmark), row.about, row.unit, row.better, first, cells, n))
    return views


def _range(counts: Sequence[int]) -> str:
    """'260', '236 to 260'."""
    return " to ".join(f"{n:,}" for n in sorted({min(counts), max(counts)})) if counts else UNKNOWN


def _differences(row: Row) -> list[Difference]:
    return [c.difference for c in row.cells if c and c.difference and c.difference.value is not None]


def _cell(cell: Cell | None, row: Row, reach: float) -> CellView:
    if cell is None:
        return CellView(UNKNOWN, "", "", "", "", "", "", 0, "", "", "not measured", Markup(""))
    d, unit = cell.difference, row.shown_unit
    notes = [cell.why] if cell.low is None else []
    if cell.unpaired:
        notes.append(f"not compared, {cell.unpaired}")
    if cell.n_left_out:
        notes.append(f"{cell.n_left_out:,} items answered by one side only, left out of the difference")
    if groups := cell.n_groups_left_out:
        notes.append(f"{count(groups, 'group')} of items without all answers of one side, left out of the difference")
    return CellView(
        number(cell.value, unit),
        f"{between(cell.low, cell.high, unit)} {judged_text(cell)}".strip(),
        number(d.value, unit, signed=True) if d else "",
        between(d.low, d.high, unit, signed=True) if d else "",
        ARROWS[cell.significant],
        cell.significant,
        probability(cell.p_holm) if d else "",
        cell.n_paired,
        f"{d.effect:+.2f}".replace("-", MINUS) if d and d.effect is not None else "",
        detectable_text(cell.detectable, unit),
        "; ".join(notes),
        figures.forest(d, reach, cell.significant),
        p_beside(cell),
    )


@dataclass(frozen=True, slots=True)
class LineView:
    """One checkpoint or method across the metrics."""

    mark: Markup
    label: str
    seeds: str
    is_baseline: bool
    differs: bool
    cells: tuple[CellView, ...]


def metrics_are_lines(whole: Table) -> bool:
    """More headline metrics than fit side by side, and few enough checkpoints that do."""
    return len(whole.headline) > MOST_METRICS and len(whole.columns) <= MOST_CHECKPOINTS


def by_checkpoint(whole: Table) -> list[tuple[list[RowView], list[LineView]]]:
    """The headline table as papers print it: metrics as columns, checkpoints as lines; in parts that fit side by side."""
    return [_lines(whole, rows) for rows in _parts(table(whole.headline))]


def _parts(rows: list[RowView]) -> list[list[RowView]]:
    """At most `MOST_METRICS` metrics each; a benchmark's metrics stay together where they fit."""
    parts: list[list[RowView]] = [[]]
    for benchmark in dict.fromkeys(row.benchmark for row in rows):
        own = [row for row in rows if row.benchmark == benchmark]
        if parts[-1] and len(parts[-1]) + len(own) > MOST_METRICS:
            parts.append([])
        for row in own:
            if len(parts[-1]) == MOST_METRICS:
                parts.append([])
            parts[-1].append(row)
    return parts


def _lines(whole: Table, rows: list[RowView]) -> tuple[list[RowView], list[LineView]]:
    lines = [
        LineView(
            figures.legend_mark(j),
            column.label,
            f"{len(column.places)} seeds" if column.places else "",
            column.is_baseline,
            column.differs,
            tuple(row.cells[j] for row in rows),
        )
        for j, column in enumerate(whole.columns)
    ]
    return rows, lines


def forest_figures(whole: Table) -> list[Markup]:
    """The differences of several checkpoints, a figure a headline metric."""
    drawn = [figures.forests(row, whole.columns) for row in whole.headline]
    return [figure for figure in drawn if figure]


def plane_figures(comparison: Comparison) -> list[Markup]:
    short = comparison.short
    found = [figures.plane(bad, good, short.columns) for bad, good in planes(short.rows)]
    return [figure for figure in found if figure]


def length_figures(comparison: Comparison) -> list[list[Markup]]:
    """One group of figures a benchmark: all columns in one, or each of many in its own over the baseline's."""
    columns = comparison.short.columns
    places = {column.label: i for i, column in enumerate(columns)}
    by_name: dict[str, list[Curve]] = {}
    for curve in comparison.length_curves:
        by_name.setdefault(curve.name, []).append(curve)
    groups = []
    for title, lines in by_name.items():
        indices = [places[line.column] for line in lines]
        if len(lines) <= FEW:
            groups.append([figures.curves(lines, indices, "words in the answer", title, 400)])
        else:
            groups.append(figures.curves_apart(lines, indices, title))
    return groups


def length_titles(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(curve.name for curve in comparison.length_curves))


def slices(comparison: Comparison) -> list[tuple[str, list[Markup], list[Markup]]]:
    """For each benchmark with slices (its headline metrics, the others): one figure a metric measured in two or more."""
    short, found = comparison.short, []
    for benchmark in comparison.benchmarks:
        by_metric: dict[str, list[Row]] = {}
        for row in short.rows:
            if row.benchmark == benchmark and row.group and len(row.group) < 40 and row.known:
                by_metric.setdefault(row.metric, []).append(row)
        known = {row.metric for row in short.headline if row.benchmark == benchmark}
        drawn = {
            metric: figures.dots(rows[:12], short.columns, metric_name(rows[0]) + (" (%)" if rows[0].unit == "share" else ""))
            for metric, rows in by_metric.items()
            if len(rows) > 1
        }
        first = [figure for metric, figure in drawn.items() if figure and metric in known]
        rest = [figure for metric, figure in drawn.items() if figure and metric not in known]
        if first or rest:
            found.append((title_of(benchmark), first, rest))
    return found


def failed(comparison: Comparison) -> list[Failures]:
    """Only the entries where something went wrong."""
    return [f for f in comparison.failures if f.missing or f.truncated or f.unjudged or f.flags or f.reasoned or f.labels]


def filters(comparison: Comparison) -> dict[str, list[str]]:
    """What the shown flips can be filtered by: only what more than one value occurs for."""
    shown = cards.chosen_flips(comparison.flips)
    values = {key: sorted({getattr(flip, key) for flip in shown} - {""}) for key in ("benchmark", "column", "kind", "subject")}
    return {key: found for key, found in values.items() if len(found) > 1}
