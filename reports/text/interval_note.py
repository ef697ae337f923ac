"""How the intervals and tests of a table were made, in one sentence for every writer."""

from __future__ import annotations

from reports.text.formatting import listing, title_of
from reports.values.table import Table


def interval_note(table: Table) -> str:
    """What the intervals of this table hold and how its p are corrected."""
    images = "95 % intervals over images"
    if table.by_method:
        alone = "; those of single checkpoints over images" if any(not c.places for c in table.columns) else ""
        images = f"95 % intervals of methods over seeds and images together{alone}"
    if table.worded:
        images += f"; those of {listing([title_of(name) for name in table.worded])} over prompt wordings too"
    return f"{images}; differences are paired over the same items; p is corrected by Holm over this table"
