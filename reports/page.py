"""The comparison as a page needs it: rows of text and figures, in the order of the page. No markup but the figures'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports import cards, figures
from reports.comparison import Cell, Comparison, Curve, Failures, ObjectCount, Row
from reports.paired import Difference
from reports.roles import lengths, planes
from reports.wording import ARROWS, MINUS, UNKNOWN, between, name, number, probability, row_name

_TRAINING = ("loss", "rewards/margins", "rewards/accuracies", "rewards/chosen", "rewards/rejected", "logps/chosen",
             "logps/rejected", "kl", "learning_rate", "grad_norm")  # fmt: skip


@dataclass(frozen=True, slots=True)
class CellView:
    """One cell as text."""

    value: str
    interval: str
    change: str
    change_interval: str
    arrow: str
    sure: str
    p: str
    n: int
    effect: str
    detectable: str
    note: str
    forest: Markup


@dataclass(frozen=True, slots=True)
class RowView:
    """One row as text; `first` where a new benchmark begins."""

    name: str
    benchmark: str
    about: str
    unit: str
    better: str
    first: bool
    cells: tuple[CellView, ...]


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
        views.append(RowView(row_name(row), name(row.benchmark), row.about, row.unit, row.better, first, cells))
    return views


def _differences(row: Row) -> list[Difference]:
    return [c.difference for c in row.cells if c and c.difference and c.difference.value is not None]


def _cell(cell: Cell | None, row: Row, reach: float) -> CellView:
    if cell is None:
        return CellView(UNKNOWN, "", "", "", "", "", "", 0, "", "", "not measured", Markup(""))
    d = cell.difference
    notes = [cell.why] if cell.value is None else []
    if cell.n_left_out:
        notes.append(f"{cell.n_left_out:,} items answered by one side only, left out of the difference")
    return CellView(
        number(cell.value, row.unit),
        between(cell.low, cell.high, row.unit),
        number(d.value, row.unit, signed=True) if d else "",
        between(d.low, d.high, row.unit, signed=True) if d else "",
        ARROWS[cell.sure],
        cell.sure,
        probability(cell.p_holm) if d else "",
        cell.n,
        f"{d.effect:+.2f}".replace("-", MINUS) if d and d.effect is not None else "",
        number(d.detectable, row.unit) if d and d.detectable is not None else "",
        "; ".join(notes),
        figures.forest(d, reach, cell.sure),
    )


def plane_figures(comparison: Comparison) -> list[Markup]:
    found = [figures.plane(bad, good, comparison.columns) for bad, good in planes(comparison.rows)]
    return [figure for figure in found if figure]


def length_table(comparison: Comparison) -> list[RowView]:
    return table(lengths(comparison.rows))


def length_figures(comparison: Comparison) -> list[Markup]:
    return _curve_figures(comparison.length_curves, comparison, "words in the answer", 400)


def slices(comparison: Comparison) -> list[tuple[str, list[Markup]]]:
    """For each benchmark with slices: one figure a metric that is measured in at least two of them."""
    found = []
    for benchmark in comparison.benchmarks:
        by_metric: dict[str, list[Row]] = {}
        for row in comparison.rows:
            if row.benchmark == benchmark and row.group and len(row.group) < 40:
                by_metric.setdefault(row.metric, []).append(row)
        drawn = [
            figures.dots(rows[:12], comparison.columns, name(metric) + (" (%)" if rows[0].unit == "share" else ""))
            for metric, rows in by_metric.items()
            if len(rows) > 1
        ]
        if drawn:
            found.append((name(benchmark), [figure for figure in drawn if figure]))
    return found


def training_figures(comparison: Comparison) -> list[Markup]:
    """Known logs first, in the order one reads them, then the others, then timings."""
    known = {n: i for i, n in enumerate(_TRAINING)}
    ordered = sorted(comparison.training, key=lambda c: known.get(c.name, len(known)))
    return _curve_figures((*ordered, *comparison.training_times), comparison, "step", 270)


def _curve_figures(lines: Sequence[Curve], comparison: Comparison, x_label: str, width: int) -> list[Markup]:
    by_name: dict[str, list[Curve]] = {}
    for line in lines:
        by_name.setdefault(line.name, []).append(line)
    places = {label: i for i, label in enumerate(_line_labels(lines, comparison))}
    found = [figures.curves(same, [places[c.column] for c in same], x_label, n, width) for n, same in by_name.items()]
    return [figure for figure in found if figure]


def _line_labels(lines: Sequence[Curve], comparison: Comparison) -> list[str]:
    """Curves of checkpoints take their column's colour; curves of runs the colours after the baseline's."""
    labels = [column.label for column in comparison.columns]
    runs = list(dict.fromkeys(line.column for line in lines))
    return labels if set(runs) <= set(labels) else [" ", *runs]


def training_legend(comparison: Comparison) -> list[tuple[Markup, str]]:
    runs = dict.fromkeys(line.column for line in comparison.training)
    return [(figures.legend_mark(i), run) for i, run in enumerate(runs, 1)] if len(runs) > 1 else []


@dataclass(frozen=True, slots=True)
class ObjectView:
    """One object: counts by column; bars are drawn to `most`."""

    subject: str
    counts: tuple[Mapping[str, int], ...]
    seen_with: str


@dataclass(frozen=True, slots=True)
class ObjectsView:
    """Objects of one benchmark, and the most wrong answers any of them has."""

    benchmark: str
    columns: tuple[str, ...]
    spans: bool
    most: int
    objects: tuple[ObjectView, ...]


def objects_views(comparison: Comparison) -> list[ObjectsView]:
    found = []
    for benchmark in dict.fromkeys(o.benchmark for o in comparison.objects):
        counts = [o for o in comparison.objects if o.benchmark == benchmark]
        columns = tuple(dict.fromkeys(o.column for o in counts))
        by_thing: dict[str, list[ObjectCount]] = {}
        for o in counts:
            by_thing.setdefault(o.subject, []).append(o)
        views = tuple(ObjectView(t, tuple(o.counts for o in same), _around(same)) for t, same in by_thing.items())
        spans = any("invented" in o.counts or "found" in o.counts for o in counts)
        keys = ("invented",) if spans else ("fp", "fn")
        most = max(o.counts.get(key, 0) for o in counts for key in keys)
        found.append(ObjectsView(name(benchmark), columns, spans, most or 1, views))
    return found


def _around(counts: Sequence[ObjectCount]) -> str:
    """What truly was in the pictures where the object was invented, all columns together."""
    together: dict[str, int] = {}
    for count in counts:
        for thing, n in count.seen_with.items():
            together[thing] = together.get(thing, 0) + n
    often = sorted(together.items(), key=lambda kv: (-kv[1], kv[0]))[:3]
    return ", ".join(thing for thing, _ in often)


def seeds_view(comparison: Comparison) -> list[dict[str, str]]:
    names = {(row.benchmark, row.key): row_name(row) for row in comparison.rows}
    return [
        {
            "method": row.method,
            "metric": names[row.benchmark, row.key],
            "seeds": str(row.values.n_seeds),
            "mean": number(row.values.mean, row.unit),
            "interval": between(row.values.low, row.values.high, row.unit),
            "difference": number(row.difference.mean, row.unit, signed=True),
            "difference_interval": between(row.difference.low, row.difference.high, row.unit, signed=True),
            "seed_sd": number(row.values.between_seed_sd, row.unit),
            "item_sd": number(row.values.between_item_sd, row.unit),
        }
        for row in comparison.seeds
    ]


REWARD_TOLD = (
    "Share of held-out pairs whose chosen answer a reward model rates higher; 50 % is chance. Far below it, the model has "
    "learned who wrote an answer, not which is better."
)


def reward_view(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Header and rows: reward models by whose held-out pairs (the study's table 7)."""
    tested = list(dict.fromkeys(name for found in comparison.reward_accuracy.values() for name in found))
    rows = [
        [model, *(number(found.get(name), "share") for name in tested)] for model, found in comparison.reward_accuracy.items()
    ]
    return ["reward model", *(f"pairs of {name}" for name in tested)], rows


def failed(comparison: Comparison) -> list[Failures]:
    """Only the entries where something went wrong."""
    return [f for f in comparison.failures if f.missing or f.truncated or f.unjudged or f.flags]


def filters(comparison: Comparison) -> dict[str, list[str]]:
    """What the shown flips can be filtered by: only what more than one value occurs for."""
    shown = cards.chosen_flips(comparison.flips)
    values = {key: sorted({getattr(flip, key) for flip in shown} - {""}) for key in ("benchmark", "column", "kind", "subject")}
    return {key: found for key, found in values.items() if len(found) > 1}
