"""What each checkpoint took against what it shows: a table, and figures of metrics over time."""

from __future__ import annotations

from markupsafe import Markup

from reports.page.figures import names_beside, reach_of, room_for, scale_of
from reports.page.questions import base_value, titled
from reports.page.svg import Plot, padded
from reports.tables.roles import HALLUCINATION, HELPFULNESS, first
from reports.text.formatting import (
    ARROWS,
    UNKNOWN,
    cell_text,
    count_digits,
    count_text,
    difference_text,
    duration,
    number,
    row_name,
)
from reports.text.moved import with_p
from reports.values.comparison import Comparison
from reports.values.table import Row

COST_TOLD = (
    "What each checkpoint took (a mean over its seeds) and what it shows. Times are wall time of this run; pairs, answers and "
    "caches that were there already took none. Requests and money are those of servers: for making pairs, for annotating "
    "answers in training, for the answers of the sweep and for their judge. Cost: upper limit of what was "
    f"charged; without prices it is unknown ({UNKNOWN})."
)


def cost_note(comparison: Comparison) -> str:
    """The device, where it is the same for all; servers that were not counted; what reward models took."""
    uncounted = [c.column for c in comparison.costs if c.aligned and None in (c.pair_requests, c.annotator_requests)]
    older = f"Servers for pairs or training were not counted by the version that made {', '.join(uncounted)}."
    return " ".join(filter(None, (_one_device(comparison), older if uncounted else "", *comparison.reward_costs)))


def _one_device(comparison: Comparison) -> str:
    devices = {cost.device for cost in comparison.costs}
    return f"Device: {devices.pop()}." if len(devices) == 1 and "" not in devices else ""


def _is_shown(comparison: Comparison) -> bool:
    """Two checkpoints to set against each other, or one for which a server was paid."""
    aligned = [cost for cost in comparison.costs if cost.aligned]
    served = comparison.reward_costs or any(
        asked != 0
        for cost in comparison.costs
        for asked in (cost.pair_requests, cost.annotator_requests, cost.answer_requests, cost.judge_requests)
    )
    return len(aligned) > 1 or bool(aligned and served)


def cost_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Header and rows: what is known of at least one checkpoint; else empty, as for one aligned checkpoint without servers."""
    shown = comparison.costs
    if not _is_shown(comparison):
        return [], []
    kinds = [(title, texts) for title, read in _KINDS if not {"", "0"} >= set(texts := [read(cost) for cost in shown])]
    kinds = [(title, texts) for title, texts in kinds if title != "device" or not _one_device(comparison)]
    columns = [*kinds, *((row_name(row), [_effect(row, i) for i in range(len(shown))]) for row in _effects(comparison))]
    return ["", *(title for title, _ in columns)], [
        [cost.column, *(texts[n] or UNKNOWN for _, texts in columns)] for n, cost in enumerate(shown)
    ]


def _number(value: float | None) -> str:
    """'1,202', '15.5' of two seeds; "" where it is unknown."""
    if value is None:
        return ""
    return count_text(value, count_digits([value]))


def _dollars(value: float | None) -> str:
    if not value:
        return "" if value is None else "0"
    return f"{value:,.2f}" if value >= 0.005 else "< 0.01"


_KINDS = (
    ("pairs", lambda cost: _number(cost.pairs)),
    ("training tokens", lambda cost: _number(cost.tokens)),
    ("making pairs", lambda cost: duration(cost.pair_seconds)),
    ("training", lambda cost: duration(cost.training_seconds)),
    ("sweep", lambda cost: duration(cost.sweep_seconds)),
    ("device", lambda cost: cost.device),
    ("pair requests", lambda cost: _number(cost.pair_requests)),
    ("annotator requests", lambda cost: _number(cost.annotator_requests)),
    ("answer requests", lambda cost: _number(cost.answer_requests)),
    ("judge requests", lambda cost: _number(cost.judge_requests)),
    ("US dollars", lambda cost: _dollars(cost.dollars)),
)


def _effects(comparison: Comparison) -> list[Row]:
    """The hallucination and the helpfulness row, else the first of the headline table."""
    rows = comparison.short.headline
    found = [row for role in (HALLUCINATION, HELPFULNESS) if (row := first(rows, role)) is not None]
    return found or [row for row in rows if row.better != "neither"][:1]


def _effect(row: Row, column: int) -> str:
    """Value and change: "25.5 (−1.6 [−7.1, +3.9])"."""
    cell = row.cells[column]
    if cell is None or cell.difference is None:
        return cell_text(cell, row.shown_unit)
    change = f"({with_p(difference_text(cell.difference, row.shown_unit), cell)})"
    return f"{number(cell.value, row.shown_unit)} {change} {ARROWS[cell.significant]}".strip()


def cost_figures(comparison: Comparison) -> list[Markup]:
    """Each metric of `_effects` against the time that making pairs and training took."""
    drawn = [_cost_figure(comparison, row) for row in _effects(comparison)] if cost_table(comparison)[1] else []
    return [figure for figure in drawn if figure]


def _cost_figure(comparison: Comparison, row: Row) -> Markup:
    """Values with their intervals; the checkpoint that is not aligned stands at 0 with a dashed line."""
    found = [
        (i, cost.seconds, cell)
        for i, (cost, cell) in enumerate(zip(comparison.costs, row.cells, strict=True))
        if cost.seconds is not None and cell is not None and cell.value is not None
    ]
    if sum(seconds > 0 for _, seconds, _ in found) < 2:
        return Markup("")
    scale, (unit, divided) = scale_of(row), _time_unit(max(seconds for _, seconds, _ in found))
    places = [(i, seconds / divided, scale * (cell.value or 0)) for i, seconds, cell in found]
    ends = [scale * v for _, _, cell in found for v in reach_of(cell)]
    labels = [comparison.short.columns[i].label for i, _, _ in places]
    right, height = room_for(labels) + 12, max(240, 17 * len(places) + 90)
    plot = Plot(padded([0.0, *(x for _, x, _ in places)]), padded(ends), 330 + right, height, left=46, right=right, top=24)
    plot.axes(f"{unit} of making pairs and training", titled(row))
    base = base_value(row, comparison.short)
    if base is not None:
        plot.segment(plot.x[0], base, plot.x[1], base, "path")
    for (i, x, _), (_, _, cell) in zip(places, found, strict=True):
        if cell.low is not None and cell.high is not None:
            plot.segment(x, scale * cell.low, x, scale * cell.high, f"whisker thin c{i % 6}")
    names_beside(plot, places, labels)
    for i, x, y in places:
        plot.point(x, y, i, 5)
    return plot.svg(f"{row_name(row)} against time")


def _time_unit(most: float) -> tuple[str, float]:
    return next(
        (name, size) for name, size in (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0)) if most >= size or size == 1
    )
