"""Which rows are set against each other: hallucination, helpfulness (`Formula.role`), and length (unit "words")."""

from __future__ import annotations

from collections.abc import Sequence

from reports.values.table import Row

HALLUCINATION, HELPFULNESS = "hallucination", "helpfulness"


def first(rows: Sequence[Row], role: str, benchmark: str = "") -> Row | None:
    """The first row of that role, of this benchmark where one is named."""
    return next((row for row in rows if row.role == role and benchmark in ("", row.benchmark)), None)


def leading(rows: Sequence[Row]) -> Row | None:
    """The hallucination metric that a report's first sentence is about: the headline row with most significant differences,
    losses before gains, so that it never says "no change" above a list of changes; else the first one."""

    def moved(row: Row) -> tuple[int, int]:
        kinds = [cell.significant for cell in row.cells[1:] if cell is not None]
        return len([kind for kind in kinds if kind]), kinds.count("worse")

    movers = [row for row in rows if row.role == HALLUCINATION and row.headline and moved(row)[0]]
    return max(movers, key=moved, default=None) or first(rows, HALLUCINATION)


def planes(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """(hallucination, helpfulness) of each benchmark that has both: one is bought with the other."""
    found = []
    for benchmark in dict.fromkeys(row.benchmark for row in rows):
        bad, good = first(rows, HALLUCINATION, benchmark), first(rows, HELPFULNESS, benchmark)
        if bad and good:
            found.append((bad, good))
    return found


def lengths(rows: Sequence[Row]) -> list[Row]:
    """Rows that tell how long answers are."""
    return [row for row in rows if row.unit == "words"]
