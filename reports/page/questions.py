"""Questions of a study as a page shows them: a figure a metric, and the direct tests as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.page.figures import axis_name, clipped, reach_of, room_for, scale_of
from reports.page.svg import Plot, padded, tick_text, ticks
from reports.questions.words import focus, name_of
from reports.text.formatting import (
    ARROWS,
    UNKNOWN,
    between,
    number,
    probability,
    row_name,
)
from reports.values.questions import DirectTest, Question
from reports.values.table import Cell, Row, Table

MOST_FIGURES = 4  # shown open; those of further metrics are folded
MOST_COMPARED = 4  # comparisons that fit side by side; of more, the tests are rows


def figures_of(question: Question, table: Table) -> tuple[list[Markup], list[Markup]]:
    """Figures of the metrics that answer the question, and of the others of the headline table."""
    first_rows = focus(table)[:MOST_FIGURES]
    names = {(row.benchmark, row.key) for row in first_rows}
    others = [row for row in table.headline if (row.benchmark, row.key) not in names]
    draw = _against_numbers if question.is_numeric and len(question.levels) > 2 else _by_level
    drawn = [[figure for row in rows if (figure := draw(question, row, table))] for rows in (first_rows, others)]
    return drawn[0], drawn[1]


def _cells(question: Question, row: Row) -> list[list[Cell | None]]:
    """By level and context."""
    found = [[row.cells[place] if place is not None else None for place in level.columns] for level in question.levels]
    return [[cell if cell and cell.value is not None else None for cell in cells] for cells in found]


def base_value(row: Row, table: Table) -> float | None:
    """The unaligned checkpoint's value."""
    place = next((i for i, column in enumerate(table.columns) if not column.trained), None)
    cell = row.cells[place] if place is not None else None
    return cell.value * scale_of(row) if cell and cell.value is not None else None


def _extent(row: Row, cells: Sequence[Sequence[Cell | None]], base: float | None) -> list[float]:
    values = [scale_of(row) * v for level in cells for cell in level if cell for v in reach_of(cell)]
    return [*values, *([base] if base is not None and values else [])]


def titled(row: Row) -> str:
    better = {"lower": ", lower is better", "higher": ", higher is better"}.get(row.better, "")
    return f"{axis_name(row)}{better}"


def _by_level(question: Question, row: Row, table: Table) -> Markup:
    """A line a level, a mark a context, intervals as whiskers, the unaligned checkpoint as a dashed line."""
    cells, base, scale = _cells(question, row), base_value(row, table), scale_of(row)
    values = _extent(row, cells, base)
    if not values:
        return Markup("")
    names = [name_of(question, level) for level in question.levels]
    line = 14 * len(question.contexts) + 10
    plot = Plot(
        padded(values), (len(cells), 0), width=340, height=line * len(cells) + 48, left=room_for(names), top=24, bottom=24
    )
    for v in ticks(*plot.x, 4):
        plot.segment(v, 0, v, len(cells), "grid")
        plot.text(plot.px(v), plot.height - 8, tick_text(v), "tick middle")
    plot.text(0, 11, titled(row), "label")
    if base is not None:
        plot.segment(base, 0, base, len(cells), "path")
    for i, (level, own) in enumerate(zip(cells, clipped(names), strict=True)):
        plot.text(plot.left - 8, plot.py(i + 0.5) + 4, own, "who end")
        for j, cell in enumerate(level):
            if cell is None or cell.value is None:
                continue
            y = i + (j + 1) / (len(level) + 1)
            if cell.low is not None and cell.high is not None:
                plot.segment(scale * cell.low, y, scale * cell.high, y, f"whisker c{(j + 1) % 6}")
            plot.point(scale * cell.value, y, j + 1, 4)
    return plot.svg(f"{row_name(row)} by {question.title}")


def _against_numbers(question: Question, row: Row, table: Table) -> Markup:
    """The metric against the setting's numbers, a line a context; the unaligned checkpoint as a dashed line."""
    cells, base, scale = _cells(question, row), base_value(row, table), scale_of(row)
    values = _extent(row, cells, base)
    if not values:
        return Markup("")
    xs = [level.number or 0.0 for level in question.levels]
    plot = Plot(padded(xs), padded(values), width=340, height=230, top=24)
    plot.axes(question.keys[0].rsplit(".", 1)[-1], titled(row))
    if base is not None:
        plot.segment(plot.x[0], base, plot.x[1], base, "path")
    step = 0.012 * (plot.x[1] - plot.x[0])  # contexts side by side
    for j in range(len(question.contexts)):
        known = [(x + j * step, cell[j]) for x, cell in zip(xs, cells, strict=True) if cell[j] is not None]
        points = [(x, cell) for x, cell in known if cell is not None and cell.value is not None]
        plot.line([x for x, _ in points], [scale * (cell.value or 0) for _, cell in points], f"c{(j + 1) % 6}")
        for x, cell in points:
            if cell.low is not None and cell.high is not None:
                plot.segment(x, scale * cell.low, x, scale * cell.high, f"whisker thin c{(j + 1) % 6}")
            plot.point(x, scale * (cell.value or 0), j + 1, 4)
    return plot.svg(f"{row_name(row)} against {question.title}")


@dataclass(frozen=True, slots=True)
class ComparedView:
    """One direct test as text; `significant` as in `DirectTest`."""

    difference: str
    interval: str
    p: str
    arrow: str
    significant: str


_NONE = ComparedView(UNKNOWN, "", "", "", "")


def compared_view(question: Question, table: Table) -> tuple[list[str], list[tuple[str, list[ComparedView]]]]:
    """Comparisons as the header, and for each metric its tests; transposed where there are many comparisons."""
    pairs = list(dict.fromkeys((test.first, test.second) for test in question.tests))
    names = [" \u2212 ".join(name_of(question, question.levels[i]) for i in reversed(pair)) for pair in pairs]
    rows = [row for row in table.headline if any((t.benchmark, t.key) == (row.benchmark, row.key) for t in question.tests)]
    of = {(t.benchmark, t.key, t.first, t.second): t for t in question.tests}
    views = [[_view(of.get((row.benchmark, row.key, *pair)), row) for pair in pairs] for row in rows]
    titles = [row_name(row) for row in rows]
    if len(pairs) > MOST_COMPARED and len(rows) <= len(pairs):
        return titles, [(name, [line[i] for line in views]) for i, name in enumerate(names)]
    return names, list(zip(titles, views, strict=True))


def _view(test: DirectTest | None, row: Row) -> ComparedView:
    if test is None or test.difference.value is None:
        return _NONE
    d, unit = test.difference, row.shown_unit
    interval = between(d.low, d.high, unit, signed=True)
    arrow = ARROWS[test.significant]
    return ComparedView(number(d.value, unit, signed=True), interval, probability(test.p_holm), arrow, test.significant)


def compared_table(question: Question, table: Table) -> tuple[list[str], list[list[str]]]:
    """The same as plain text, a test a cell: "−4.9 [−7.9, −1.9] p 0.044 ▲"."""
    header, rows = compared_view(question, table)
    return ["", *header], [[name, *(_plain(view) for view in views)] for name, views in rows]


def _plain(view: ComparedView) -> str:
    p = f"p {view.p}" if view.p else ""
    return " ".join(part for part in (view.difference, view.interval, p, view.arrow) if part)
