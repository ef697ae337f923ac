"""Summary of a run's report.json, read defensively: another version may have written it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.text.formatting import DIFFERS, UNKNOWN, between, row_name, value_text
from reports.text.plain_table import PARTIAL
from reports.values.paired import Difference
from reports.values.table import Cell, Row


@dataclass(frozen=True, slots=True)
class CellText:
    """One metric of one checkpoint as text; `significant`: "better", "worse", "changed" or ""."""

    value: str
    interval: str
    significant: str


def said(summary: Mapping[str, Any], part: str) -> str:
    """A sentence of the verdict ("headline", "overlap", ...), "" where there is none."""
    verdict = summary.get("verdict")
    return str(verdict.get(part) or "") if isinstance(verdict, Mapping) else ""


def partial(summary: Mapping[str, Any]) -> str:
    """Which benchmarks were asked in part, in the report's words; "" where all were asked whole."""
    study = summary.get("study")
    parts = study.get("partial") if isinstance(study, Mapping) else None
    told = [part for part in parts if isinstance(part, str)] if isinstance(parts, list) else []
    return PARTIAL.format("; ".join(told)) if told else ""


def headline_rows(summary: Mapping[str, Any], checkpoints: Sequence[str]) -> list[tuple[str, list[CellText]]]:
    """(metric, a cell for each checkpoint) of the short table; empty where the file cannot be read as one."""
    try:
        labels = [column["label"] for column in summary["columns"]]
        rows = [_row(row) for row in summary["rows"] if row["headline"]]
        return [(row_name(row), [_text(row, labels, checkpoint) for checkpoint in checkpoints]) for row in rows]
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        return []


def marks(summary: Mapping[str, Any], checkpoints: Sequence[str]) -> list[str]:
    """For each checkpoint the mark that its protocol is another one than the baseline's, or ""."""
    columns = summary.get("columns")
    there = [column for column in columns if isinstance(column, Mapping)] if isinstance(columns, list) else []
    unlike = {column.get("label") for column in there if column.get("differs")}
    return [DIFFERS if checkpoint in unlike else "" for checkpoint in checkpoints]


def _row(row: Mapping[str, Any]) -> Row:
    return Row(
        row["benchmark"], row["metric"], row.get("group") or "", row.get("better") or "", row.get("unit") or "", True, "", "",
        tuple(_cell(cell) if cell else None for cell in row["cells"]), row.get("title") or "",
    )  # fmt: skip


def _cell(cell: Mapping[str, Any]) -> Cell:
    moved = cell.get("difference") or {}
    difference = Difference(moved["value"], None, None, None, None, None, 0, "") if "value" in moved else None
    n, n_answered, n_judged = (int(cell.get(name) or 0) for name in ("n", "n_answered", "n_judged"))
    significant = str(cell.get("significant", cell.get("sure")) or "")
    return Cell(
        cell["value"], cell.get("low"), cell.get("high"), n, difference=difference, n_answered=n_answered, n_judged=n_judged,
        significant=significant,
    )  # fmt: skip


def _text(row: Row, labels: Sequence[str], checkpoint: str) -> CellText:
    cell = row.cells[labels.index(checkpoint)] if checkpoint in labels else None
    if cell is None:
        return CellText(UNKNOWN, "", "")
    unit = row.shown_unit
    return CellText(value_text(cell, unit), between(cell.low, cell.high, unit), cell.significant)
