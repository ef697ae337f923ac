"""How the intervals and tests of a table were made, in one sentence for every writer."""

from __future__ import annotations

from reports.values.table import Table


def interval_note(table: Table) -> str:
    """What the intervals of this table hold and how its p are corrected."""
    images = "95 % intervals over images"
    if table.by_method:
        alone = "; those of single checkpoints over images" if any(not c.places for c in table.columns) else ""
        images = f"95 % intervals of methods over seeds and images together{alone}"
    return f"{images}; differences are paired over the same items; p is corrected by Holm over this table"
