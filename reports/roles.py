"""Which metrics speak of hallucination, which of helpfulness, which of length.

A table of names, because a formula says only which direction is better. A guest's benchmark joins by using one of
these names; others still stand in the table, but not in the plane and the headline.
"""

from __future__ import annotations

from collections.abc import Sequence

from reports.comparison import Row

# best first: where a report has several, the first one found is put in the headline
HALLUCINATION = ("chair_i", "object_hall", "chair", "hallucination_rate", "chair_s", "response_hall", "hal")
HELPFULNESS = ("recall", "object_recall", "cover", "informativeness", "score", "mean_score", "relative_score", "helpfulness")
LENGTH = ("words", "length", "len", "mean_words", "avg_length", "mean_tokens", "tokens")


def first(rows: Sequence[Row], names: Sequence[str], benchmark: str = "") -> Row | None:
    """The first row with one of these metric names, whole benchmark before slices."""
    for name in names:
        for row in rows:
            if row.metric == name and not row.group and benchmark in ("", row.benchmark):
                return row
    return None


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
    return [row for row in rows if row.metric in LENGTH or row.unit == "words"]
