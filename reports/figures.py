"""The report's figures, each a function of the comparison: SVG as safe markup."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from reports.comparison import Cell, Column, Curve, Row
from reports.paired import Difference
from reports.svg import Plot, mark, padded, ticks
from reports.wording import row_name


def legend_mark(index: int) -> Markup:
    """The mark of a column, for a line of text."""
    return Markup('<svg class="legend" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">{}</svg>').format(
        mark(7, 7, index, 4.5)
    )


def forest(difference: Difference | None, reach: float, sure: str) -> Markup:
    """One difference on a line through 0, `reach` units to each side."""
    if difference is None or difference.value is None or not reach:
        return Markup("")
    plot = Plot((-reach, reach), (0, 1), width=150, height=22, left=4, right=4, top=0, bottom=0)
    plot.segment(0, 0, 0, 1, "zero")
    style = sure or "unsure"
    if difference.low is not None and difference.high is not None:
        low, high = (max(-reach, min(reach, v)) for v in (difference.low, difference.high))
        plot.segment(low, 0.5, high, 0.5, f"whisker {style}")
    plot.add('<circle class="dot {s}" cx="{x}" cy="{y}" r="4"/>', s=style, x=plot.px(difference.value), y=plot.py(0.5))
    return plot.svg(f"difference {difference.value:+.3g}", "forest")


def plane(bad: Row, good: Row, columns: Sequence[Column]) -> Markup:
    """Hallucination against helpfulness, one mark a column with both intervals; lower right is where to be."""
    points = [
        (i, b, g) for i, (b, g) in enumerate(zip(bad.cells, good.cells, strict=True)) if b and g and _known(b) and _known(g)
    ]
    if not points:
        return Markup("")
    by, bx = _scale(bad), _scale(good)
    xs = [bx * v for _, _, g in points for v in _reach(g)]
    ys = [by * v for _, b, _ in points for v in _reach(b)]
    plot = Plot(padded(xs), padded(ys), width=420, height=320, left=46, right=16, top=28, bottom=42)
    plot.axes(f"{_axis(good)} \u2192 more is better", f"\u2191 {_axis(bad)}, less is better", 5, 5)
    base = points[0] if points[0][0] == 0 else None
    for i, b, g in points:
        x, y = bx * (g.value or 0), by * (b.value or 0)
        if base and i:
            plot.segment(bx * (base[2].value or 0), by * (base[1].value or 0), x, y, "path")
        if b.low is not None and b.high is not None:
            plot.segment(x, by * b.low, x, by * b.high, f"whisker c{i % 6}")
        if g.low is not None and g.high is not None:
            plot.segment(bx * g.low, y, bx * g.high, y, f"whisker c{i % 6}")
    taken: list[tuple[float, float]] = []
    for i, b, g in points:
        x, y = bx * (g.value or 0), by * (b.value or 0)
        plot.point(x, y, i, 6)
        _label(plot, plot.px(x), plot.py(y), columns[i].label[:28], taken)
    return plot.svg(f"{row_name(bad)} against {row_name(good)}")


def _label(plot: Plot, x: float, y: float, words: str, taken: list[tuple[float, float]]) -> None:
    """A name beside its mark, where it neither leaves the figure nor lies on another name."""
    width = 6.5 * len(words)
    places = [
        (x + 10, y - 9),
        (x + 10, y + 17),
        (x - 10 - width, y - 9),
        (x - 10 - width, y + 17),
        (x + 10, y - 22),
        (x + 10, y + 30),
    ]
    inside = [p for p in places if p[0] >= 0 and p[0] + width <= plot.width] or places
    free = [p for p in inside if all(abs(p[1] - b) > 11 or abs(p[0] - a) > 75 for a, b in taken)]
    left, top = (free or inside)[0]
    taken.append((left, top))
    plot.text(left, top, words, "name")


def _known(cell: Cell) -> bool:
    return cell.value is not None


def _reach(cell: Cell) -> list[float]:
    return [v for v in (cell.value, cell.low, cell.high) if v is not None]


def _scale(row: Row) -> float:
    return 100.0 if row.unit == "share" else 1.0


def _axis(row: Row) -> str:
    return row_name(row) + (" (%)" if row.unit == "share" else "")


def dots(rows: Sequence[Row], columns: Sequence[Column], title: str) -> Markup:
    """One metric over several slices: a line a slice, a mark a column, intervals as whiskers."""
    scale = _scale(rows[0])
    values = [scale * v for row in rows for cell in row.cells if cell for v in _reach(cell)]
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
    """Several curves of one name over the same axis; bands where they have intervals and are few enough to see."""
    xs = [x for curve in lines for x in curve.x]
    ys = [y for curve in lines for side in (curve.y, curve.low, curve.high) for y in side if math.isfinite(y)]
    if not xs or not ys:
        return Markup("")
    x_range = (min(xs), max(xs)) if min(xs) < max(xs) else padded(xs)
    plot = Plot(x_range, padded(ys), width=width, height=width * 2 // 3 + 20, top=24)
    plot.axes(x_label, title)
    for curve, index in zip(lines, indices, strict=True):
        if curve.low and len(lines) <= 3:
            plot.band(curve.x, curve.low, curve.high, f"c{index % 6}")
    for curve, index in zip(lines, indices, strict=True):
        plot.line(curve.x, curve.y, f"c{index % 6}")
        if len(curve.x) < 12:
            for x, y in zip(curve.x, curve.y, strict=True):
                plot.point(x, y, index, 3)
    return plot.svg(title)


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
