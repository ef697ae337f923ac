"""Which rows are set against each other: hallucination, helpfulness (`Formula.role`), and length (unit "words")."""

from __future__ import annotations

from collections.abc import Sequence

from reports.values.table import Row

HALLUCINATION, HELPFULNESS = "hallucination", "helpfulness"


def first(rows: Sequence[Row], role: str, benchmark: str = "") -> Row | None:
    """The first row of that role, of this benchmark where one is named."""
    return next((row for row in rows if row.role == role and benchmark in ("", row.benchmark)), None)


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
