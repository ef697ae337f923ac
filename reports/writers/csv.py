"""CSV, tidy: one line a checkpoint and metric, raw values (shares in 0..1)."""

from __future__ import annotations

from harness.core import registry
from reports.text.formatting import P_KEYS, rounded_p
from reports.text.studies import part_of
from reports.values.comparison import Comparison
from reports.values.table import Cell, Column, Row


@registry.report("metrics.csv")
def write(comparison: Comparison) -> str:
    """For pandas: `pandas.read_csv("metrics.csv")`."""
    import pandas as pd

    lines = [{key: _rounded(key, _plain(value)) for key, value in line.items()} for line in rows_of(comparison)]
    return str(pd.DataFrame(lines, columns=list(COLUMNS)).to_csv(index=False, lineterminator="\n"))


def rows_of(comparison: Comparison) -> list[dict[str, object]]:
    """One row a checkpoint and metric, keys among `COLUMNS`; unrounded, and texts as they are."""
    return [
        _line(column, row, cell)
        for row in comparison.rows
        for column, cell in zip(comparison.columns, row.cells, strict=True)
        if cell is not None
    ]


COLUMNS = (
    "run", "column", "digest", "is_baseline", "complete", "benchmark", "metric", "group", "unit", "better", "headline",
    "value", "low", "high", "n", "why", "difference", "difference_low", "difference_high", "p", "p_holm", "p_fdr",
    "significant", "joint_low", "joint_high",
    "effect", "error", "detectable", "test", "difference_why",
    "n_paired", "n_left_out", "n_groups_left_out", "n_answered", "n_judged",
    "run_id", "partial",
)  # fmt: skip


def _line(column: Column, row: Row, cell: Cell) -> dict[str, object]:
    line: dict[str, object] = {
        "run": column.run_name,
        "column": column.label,
        "digest": column.digest,
        "is_baseline": column.is_baseline,
        "complete": column.complete,
        **{key: getattr(row, key) for key in ("benchmark", "metric", "group", "unit", "better", "headline")},
        **{key: getattr(cell, key) for key in ("value", "low", "high", "n", "why", "p_holm", "p_fdr", "significant")},
        "joint_low": cell.joint[0] if cell.joint else None,
        "joint_high": cell.joint[1] if cell.joint else None,
        "n_paired": cell.n_paired,
        "n_left_out": cell.n_left_out,
        "n_groups_left_out": cell.n_groups_left_out,
        "n_answered": cell.n_answered or None,
        "n_judged": cell.n_judged if cell.n_answered else None,
        "run_id": column.run_id,
        "partial": part_of(column.partial, row.benchmark),
    }
    if d := cell.difference:
        line |= {"difference": d.value, "difference_low": d.low, "difference_high": d.high, "p": d.p}
        line |= {"effect": d.effect, "error": d.error, "detectable": cell.detectable, "test": d.test, "difference_why": d.why}
    return line


def _rounded(key: str, value: object) -> object:
    if not isinstance(value, float):
        return value
    return rounded_p(value) if key in P_KEYS else round(value, 10)


def _plain(value: object) -> object:
    """A spreadsheet must not take a name for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
