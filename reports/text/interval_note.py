"""How to read a table, and how its intervals and tests were made, in sentences for every writer."""

from __future__ import annotations

from reports.text.formatting import listing, title_of
from reports.values.table import Table, Unit


def interval_note(table: Table) -> str:
    """What the intervals of this table hold and how its p are corrected."""
    images = "95 % intervals over images"
    if table.by_method:
        alone = "; those of single checkpoints over images" if any(not c.places for c in table.columns) else ""
        images = f"95 % intervals of methods over seeds and images together{alone}"
    if table.worded:
        images += f"; those of {listing([title_of(name) for name in table.worded])} over prompt wordings too"
    return f"{images}; differences are paired over the same items; p is corrected by Holm over this table"


def reading_note(table: Table) -> str:
    """What marks and digits mean."""
    marks = "\u25b2 significantly better, \u25bc significantly worse, \u25c6 significant change"
    compared = f"Shares are in per cent, their differences in points. {marks}." if len(table.columns) > 1 else ""
    return f"{compared} {digits_note(table)}".strip()


def digits_note(table: Table) -> str:
    """Why some rows have more digits than others; "" where none has."""
    if all(row.shown_unit.digits == Unit.of(row.unit).digits for row in table.headline):
        return ""
    return "A row has a digit more where its values and its difference would not add up as shown."
