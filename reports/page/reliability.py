"""Reliability as a page shows it: a small image a checkpoint, its calibration errors in words beneath."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from reports.page.figures import clipped
from reports.page.svg import Plot
from reports.text.formatting import between, count_digits, count_text, number, title_of
from reports.values.comparison import Comparison
from reports.values.details import Bin, Reliability

LEAD = (
    "Calibration of the probability of yes. x: mean p(yes) of the questions in each of ten bins; y: share of them whose label "
    "is yes. On the diagonal the model is calibrated; below it is overconfident of yes, above underconfident. Larger marks: "
    "more questions."
)
NOTE = (
    "p(yes) from the log-odds of yes against no as the first words of an answer. ECE: mean distance from the diagonal; by "
    "chance alone it is above 0, the more the fewer questions. Brier: mean squared error of p(yes). Both in per cent."
)
_SMALLEST, _LARGEST = 2.0, 7.0  # px


def reliability_views(comparison: Comparison) -> list[tuple[str, list[tuple[Markup, str]]]]:
    """benchmark -> (image, what it says in words) of every column."""
    places = {column.label: i for i, column in enumerate(comparison.short.columns)}
    names = clipped(list(places))
    by_benchmark: dict[str, list[tuple[Markup, str]]] = {}
    for r in comparison.reliability:
        place = places[r.column]
        drawn = _image(r, place, names[place]), _caption(comparison, r, place)
        by_benchmark.setdefault(title_of(r.benchmark), []).append(drawn)
    return list(by_benchmark.items())


def _image(r: Reliability, index: int, name: str) -> Markup:
    plot = Plot((0, 1), (0, 1), width=220, height=226, left=30, right=10, top=24, bottom=32)
    plot.axes("p(yes)", name, 4, 4)
    plot.segment(0, 0, 1, 1, "path")
    most = max(b.n for b in r.bins)
    for b in r.bins:
        if b.low is not None and b.high is not None:
            plot.segment(b.mean_p, b.low, b.mean_p, b.high, f"whisker thin c{index % 6}")
        plot.point(b.mean_p, b.yes, index, round(_SMALLEST + (_LARGEST - _SMALLEST) * (b.n / most) ** 0.5, 1))
    return plot.svg(f"reliability of {r.column}: {_in_words(r.bins)}")


def _in_words(bins: Sequence[Bin]) -> str:
    digits = count_digits(b.n for b in bins)
    return "; ".join(f"p {b.mean_p:.2f}, share {b.yes:.2f}, {count_text(b.n, digits)} questions" for b in bins)


def _caption(comparison: Comparison, r: Reliability, column: int) -> str:
    """'ECE 5.0 [4.4, 5.6]' and a line for Brier, as far as they are known."""
    rows = {row.key: row.cells[column] for row in comparison.short.rows if row.benchmark == r.benchmark}
    cells = [(label, cell) for label, key in (("ECE", "ece"), ("Brier", "brier")) if (cell := rows.get(key))]
    return "\n".join(
        f"{label} {number(cell.value, 'share')} {between(cell.low, cell.high, 'share')}".strip() for label, cell in cells
    )
