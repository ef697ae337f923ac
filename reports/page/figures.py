"""The report's figures, each a function of the comparison: SVG as safe markup."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from reports.page.svg import Plot, mark, padded, tick_text, ticks
from reports.text.column_labels import short_names
from reports.text.formatting import row_name, shortened
from reports.values.comparison import Curve
from reports.values.paired import Difference
from reports.values.table import Cell, Column, Row, members

_LONGEST = 24  # characters of a name in a figure
_ASIDE = 4  # pixels between whiskers at one place


def legend_mark(index: int) -> Markup:
    """The mark of a column, for a line of text."""
    return Markup('<svg class="legend" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">{}</svg>').format(
        mark(7, 7, index, 4.5)
    )


def marks_of(columns: Sequence[Column], short: Sequence[Column]) -> list[int]:
    """The mark of each checkpoint is that of its column in the tables: seeds of a method share it."""
    own = {place: j for j, (_, places) in enumerate(members(columns, short)) for place in places}
    return [own.get(i, i) for i in range(len(columns))]


def forest(difference: Difference | None, reach: float, significant: str) -> Markup:
    """One difference on a line through 0, `reach` units to each side."""
    if difference is None or difference.value is None or not reach:
        return Markup("")
    plot = Plot((-reach, reach), (0, 1), width=150, height=22, left=4, right=4, top=0, bottom=0)
    plot.segment(0, 0, 0, 1, "zero")
    style = significant or "inconclusive"
    if difference.low is not None and difference.high is not None:
        low, high = (max(-reach, min(reach, v)) for v in (difference.low, difference.high))
        plot.segment(low, 0.5, high, 0.5, f"whisker {style}")
    plot.add('<circle class="dot {s}" cx="{x}" cy="{y}" r="4"/>', s=style, x=plot.px(difference.value), y=plot.py(0.5))
    return plot.svg(f"difference {difference.value:+.3g}", "forest")


def forests(row: Row, columns: Sequence[Column]) -> Markup:
    """The differences of several columns on one metric, a line each."""
    scale = scale_of(row)
    names = clipped([column.label for column in columns])  # of all columns: the same in each figure
    shown = [(name, cell) for name, cell in zip(names[1:], row.cells[1:], strict=True) if cell and _shift(cell)]
    ends = [scale * v for _, cell in shown for v in _shift(cell)]
    if not ends:
        return Markup("")
    line, height = 19, 19 * len(shown) + 46
    low, high = padded([*ends, 0.0])
    plot = Plot(
        (low, high), (len(shown), 0), width=330, height=height, left=room_for([name for name, _ in shown]), top=22, bottom=22
    )
    for v in ticks(low, high, 4):
        plot.segment(v, 0, v, len(shown), "zero" if v == 0 else "grid")
        plot.text(plot.px(v), height - 7, tick_text(v), "tick middle")
    better = {"lower": ", lower is better", "higher": ", higher is better"}.get(row.better, "")
    plot.text(0, 11, f"{row_name(row)}{better}", "label")
    for i, (name, cell) in enumerate(shown):
        d, style = cell.difference, cell.significant or "inconclusive"
        if d is None or d.value is None:
            continue
        plot.text(plot.left - 8, plot.py(i + 0.5) + 4, name, "who end" if cell.significant else "who end soft-text")
        if d.low is not None and d.high is not None:
            plot.segment(scale * d.low, i + 0.5, scale * d.high, i + 0.5, f"whisker {style}")
        x, y = plot.px(scale * d.value), plot.py(i + 0.5)
        plot.add('<circle class="dot {s}" cx="{x}" cy="{y}" r="{r}"/>', s=style, x=x, y=y, r=line / 5)
    return plot.svg(f"differences in {row_name(row)}")


def clipped(labels: Sequence[str]) -> list[str]:
    """The names of one figure, as long as there is room for."""
    return [shortened(name, _LONGEST) for name in short_names(labels, _LONGEST)]


def room_for(labels: Sequence[str]) -> int:
    """Pixels for names on the left."""
    return 16 + round(6.1 * max(map(len, clipped(labels))))


def _shift(cell: Cell) -> list[float]:
    d = cell.difference
    return [v for v in (d.value, d.low, d.high) if v is not None] if d and d.value is not None else []


def plane(bad: Row, good: Row, columns: Sequence[Column]) -> Markup:
    """Hallucination against helpfulness, one mark a column with both intervals; lower right is where to be."""
    points = [
        (i, b, g) for i, (b, g) in enumerate(zip(bad.cells, good.cells, strict=True)) if b and g and _known(b) and _known(g)
    ]
    if not points:
        return Markup("")
    by, bx = scale_of(bad), scale_of(good)
    x_range = padded([bx * v for _, _, g in points for v in reach_of(g)])
    y_range = padded([by * v for _, b, _ in points for v in reach_of(b)])
    names = room_for([columns[i].label for i, _, _ in points])
    width, height = (400 if len(points) <= 5 else 560) + names, max(320, 17 * len(points) + 90)
    plot = Plot(x_range, y_range, width, height, left=46, right=names + 12, top=28, bottom=42)
    plot.axes(f"{axis_name(good)} \u2192 more is better", f"\u2191 {axis_name(bad)}, less is better", 5, 5)
    places = [(i, bx * (g.value or 0), by * (b.value or 0)) for i, b, g in points]
    for (i, x, y), (_, b, g) in zip(places, points, strict=True):
        if i and places[0][0] == 0:
            plot.segment(places[0][1], places[0][2], x, y, "path")
        if b.low is not None and b.high is not None:
            plot.segment(x, by * b.low, x, by * b.high, f"whisker thin c{i % 6}")
        if g.low is not None and g.high is not None:
            plot.segment(bx * g.low, y, bx * g.high, y, f"whisker thin c{i % 6}")
    names_beside(plot, places, [columns[i].label for i, _, _ in places])
    for i, x, y in places:
        plot.point(x, y, i, 6)
    return plot.svg(f"{row_name(bad)} against {row_name(good)}")


def names_beside(plot: Plot, places: Sequence[tuple[int, float, float]], labels: Sequence[str]) -> None:
    """Names in a list on the right, each led to its point: however close the points are, no name covers another."""
    heights = _apart([plot.py(y) for _, _, y in places], plot.top + 6, plot.height - plot.bottom - 4)
    edge = plot.width - plot.right + 14
    for (i, x, y), label, height in zip(places, clipped(labels), heights, strict=True):
        line = {"x": plot.px(x), "y": plot.py(y), "edge": edge - 5, "height": round(height, 1)}
        plot.add('<path class="leader c{c}" d="M{x} {y}L{edge} {height}"/>', c=i % 6, **line)
        plot.text(edge, height + 4, label, "name")


def _apart(wanted: Sequence[float], top: float, bottom: float, gap: float = 15) -> list[float]:
    """Heights of names beside their points: in the points' order, `gap` apart, as near as that goes, within the figure."""
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    blocks: list[tuple[float, int]] = []  # (height of its first name, how many): blocks that touch become one
    for i in order:
        first, n = wanted[i], 1
        while blocks and first < blocks[-1][0] + blocks[-1][1] * gap:
            before, m = blocks.pop()
            first, n = (before * m + (first - m * gap) * n) / (m + n), m + n
        blocks.append((first, n))
    placed = [first + k * gap for first, n in blocks for k in range(n)]
    for k in range(len(placed) - 1, -1, -1):
        placed[k] = min(placed[k], placed[k + 1] - gap if k + 1 < len(placed) else bottom)
    for k in range(len(placed)):
        placed[k] = max(placed[k], placed[k - 1] + gap if k else top)
    heights = dict(zip(order, placed, strict=True))
    return [heights[i] for i in range(len(wanted))]


def _known(cell: Cell) -> bool:
    return cell.value is not None


def reach_of(cell: Cell) -> list[float]:
    return [v for v in (cell.value, cell.low, cell.high) if v is not None]


def scale_of(row: Row) -> float:
    return 100.0 if row.unit == "share" else 1.0


def axis_name(row: Row) -> str:
    return row_name(row) + (" (%)" if row.unit == "share" else "")


def dots(rows: Sequence[Row], columns: Sequence[Column], title: str) -> Markup:
    """One metric over several slices: a line a slice, a mark a column, intervals as whiskers."""
    scale = scale_of(rows[0])
    values = [scale * v for row in rows for cell in row.cells if cell for v in reach_of(cell)]
    if not values:
        return Markup("")
    line = 14 * max(1, len(columns)) + 14
    height = line * len(rows) + 48
    plot = Plot(padded(values), (len(rows), 0), width=400, height=height, left=96, right=12, top=24, bottom=26)
    for v in ticks(*plot.x, 4):
        plot.segment(v, 0, v, len(rows), "grid")
        plot.text(plot.px(v), height - 10, f"{v:g}", "tick middle")
    plot.text(0, 11, title, "label")
    for i, row in enumerate(rows):
        plot.text(86, plot.py(i + 0.5) + 4, row.group or "all", "name end")
        for j, cell in enumerate(row.cells):
            y = i + (j + 1) / (len(row.cells) + 1)
            if cell is None or cell.value is None:
                continue
            if cell.low is not None and cell.high is not None:
                plot.segment(scale * cell.low, y, scale * cell.high, y, f"whisker c{j % 6}")
            plot.point(scale * cell.value, y, j, 4)
    return plot.svg(f"{title} by slice")


def curves(lines: Sequence[Curve], indices: Sequence[int], x_label: str, title: str, width: int) -> Markup:
    """Several curves of one name over the same axis; bands of one or two, whiskers of three, where they have intervals; none of
    more. Curves with whiskers stand a little aside of each other, so that whiskers at the same place can be distinguished."""
    xs = [x for curve in lines for x in curve.x]
    ys = [y for curve in lines for side in (curve.y, curve.low, curve.high) for y in side if math.isfinite(y)]
    if not xs or not ys:
        return Markup("")
    x_range = (min(xs), max(xs)) if min(xs) < max(xs) else padded(xs)
    plot = Plot(x_range, padded(ys), width=width, height=width * 2 // 3 + 20, top=24)
    plot.axes(x_label, title)
    for curve, index in zip(lines, indices, strict=True):
        if curve.low and len(lines) <= 2:
            plot.band(curve.x, curve.low, curve.high, f"c{index % 6}")
    whiskers = len(lines) == 3
    for place, (curve, index) in enumerate(zip(lines, indices, strict=True)):
        first = len(plot.parts)
        for x, low, high in zip(curve.x, curve.low, curve.high, strict=False) if whiskers else ():
            plot.segment(x, low, x, high, f"whisker thin c{index % 6}")
        plot.line(curve.x, curve.y, f"c{index % 6}")
        for x, y in zip(curve.x, curve.y, strict=True) if len(curve.x) < 12 else ():
            plot.point(x, y, index, 3)
        if whiskers and curve.low:
            plot.put_aside(first, _ASIDE * (place - 1))
    return plot.svg(title)


def curves_apart(lines: Sequence[Curve], indices: Sequence[int], title: str) -> list[Markup]:
    """Each curve in a small figure of its own over the first one's (the baseline's), all on the same axes."""
    xs = [x for curve in lines for x in curve.x]
    ys = [y for curve in lines for side in (curve.y, curve.low, curve.high) for y in side if math.isfinite(y)]
    drawn = []
    names = clipped([curve.column for curve in lines])
    for curve, index, own in zip(lines[1:], indices[1:], names[1:], strict=True):
        plot = Plot((min(xs), max(xs)), padded(ys), width=200, height=150, left=30, top=22, bottom=24)
        plot.axes("", own, 4, 3)
        plot.line(lines[0].x, lines[0].y, "c0")
        plot.band(curve.x, curve.low, curve.high, f"c{index % 6}")
        plot.line(curve.x, curve.y, f"c{index % 6}")
        for x, y in zip(curve.x, curve.y, strict=True):
            plot.point(x, y, index, 3)
        drawn.append(plot.svg(f"{title}: {curve.column}"))
    return drawn


def histogram(bins: Sequence[tuple[float, float]], title: str, x_label: str) -> Markup:
    """Bars of (left edge or whole number, count)."""
    starts = [start for start, _ in bins]
    width = min((b - a for a, b in pairwise(starts)), default=1.0)
    whole = all(float(start).is_integer() for start in starts)
    shift = -width / 2 if whole else 0.0
    top = max(n for _, n in bins) or 1
    plot = Plot((starts[0] + shift, starts[-1] + shift + width), (0, top * 1.05), width=270, height=180, top=24)
    plot.axes(x_label, title, x_ticks=min(6, len(bins)), y_ticks=3)
    for start, n in bins:
        plot.bar(start + shift + width * 0.06, start + shift + width * 0.94, n, "bar")
    return plot.svg(title)
