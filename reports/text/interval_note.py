"""How to read a table, and how its intervals and tests were made, in sentences for every writer."""

from __future__ import annotations

from reports.text.formatting import listing, title_of
from reports.text.moved import p_beside
from reports.text.plain_table import is_turned
from reports.values.table import Table, Unit

P_BESIDE = "A p stands beside a difference whose own interval leaves 0 out and that is not significant after the correction."


def interval_note(table: Table) -> str:
    """What the intervals of this table hold and, where there is something to compare, how its p are corrected."""
    compared = "; differences are paired over the same items; p is corrected by Holm over this table"
    return f"{intervals(table)}{compared if len(table.columns) > 1 else ''}"


def intervals(table: Table) -> str:
    """What the intervals of this table hold."""
    images = "95 % intervals over images"
    if table.by_method:
        alone = "; those of single checkpoints over images" if any(not c.places for c in table.columns) else ""
        images = f"95 % intervals of methods over seeds and images together{alone}"
    if table.worded:
        images += f"; those of {listing([title_of(name) for name in table.worded])} over prompt wordings too"
    return images


def reading_note(table: Table) -> str:
    """What marks and digits mean."""
    marks = "\u25b2 significantly better, \u25bc significantly worse, \u25c6 significant change"
    compared = f"Shares are in per cent, their differences in points. {marks}." if len(table.columns) > 1 else ""
    shown = len(table.columns) > 2 and not is_turned(table)  # in other forms p has a column, or intervals are not shown
    beside = P_BESIDE if shown and any(p_beside(cell) for row in table.headline for cell in row.cells) else ""
    return " ".join(filter(None, (compared, beside, digits_note(table))))


def digits_note(table: Table) -> str:
    """Why some rows have more digits than others, and why some differences are not those of the values as shown; "" where
    there are none of either."""
    more = any(row.shown_unit.digits > Unit.of(row.unit).digits for row in table.headline)
    note = (
        "A row has more digits where it needs them for its values and its difference to add up as shown, for a share near "
        "0 or 100 not to be shown as that, or for a significant difference not to be 0."
    )
    odd = "Differences are rounded after subtraction, so that the last digit may be off by one."
    return " ".join([*([note] if more else []), *([odd] if not all(row.adds_up for row in table.headline) else [])])
