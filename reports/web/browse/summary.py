"""Summary of a run's report.json, read defensively: another version may have written it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.text.formatting import UNKNOWN, between, name, number, title_of


@dataclass(frozen=True, slots=True)
class CellText:
    """One metric of one checkpoint as text; `significant`: "better", "worse", "changed" or ""."""

    value: str
    interval: str
    significant: str


def headline(summary: Mapping[str, Any]) -> str:
    """The verdict's first sentence, "" where there is none."""
    verdict = summary.get("verdict")
    return str(verdict.get("headline") or "") if isinstance(verdict, Mapping) else ""


def headline_rows(summary: Mapping[str, Any], checkpoints: Sequence[str]) -> list[tuple[str, list[CellText]]]:
    """(metric, a cell for each checkpoint) of the short table; empty where the file cannot be read as one."""
    try:
        labels = [column["label"] for column in summary["columns"]]
        shown = [row for row in summary["rows"] if row["headline"]]
        return [(_title(row), [_cell(row, labels, checkpoint) for checkpoint in checkpoints]) for row in shown]
    except (KeyError, TypeError, AttributeError, ValueError):
        return []


def _title(row: Mapping[str, Any]) -> str:
    metric, benchmark = row.get("title") or name(row["metric"]), title_of(row["benchmark"])
    title = metric if metric.lower().startswith(benchmark.lower()) else f"{benchmark} {metric}"
    return f"{title} ({row['group']})" if row.get("group") else title


def _cell(row: Mapping[str, Any], labels: Sequence[str], checkpoint: str) -> CellText:
    cell = row["cells"][labels.index(checkpoint)] if checkpoint in labels else None
    if not cell:
        return CellText(UNKNOWN, "", "")
    unit = row.get("unit", "")
    return CellText(
        number(cell["value"], unit),
        between(cell.get("low"), cell.get("high"), unit),
        cell.get("significant", cell.get("sure")) or "",
    )
