"""Metrics outside the headline table (slices, parts): which changed, at a false discovery rate of 5 %."""

from __future__ import annotations

from harness.core.edge.text import count
from reports.text.formatting import change, listing, row_name
from reports.values.table import Table

RATE = 0.05
_MOST = 12


def explored(table: Table) -> str:
    """One sentence; "" where nothing outside the headline table was tested.

    Holm's correction over eighty slices, which the conclusion uses, finds little; of what this list names, 5 % are false on
    average. It is for searching: decisions are the headline table's.
    """
    cells = [
        (row, column, cell)
        for row in table.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
        if cell is not None and cell.p_fdr is not None and cell.difference is not None
    ]
    if not cells:
        return ""
    found = sorted((e for e in cells if (e[2].p_fdr or 0.0) < RATE), key=lambda e: e[2].p_fdr or 0.0)
    several = len(table.columns) > 2
    names = [
        f"{row_name(row)} {change(cell.difference.value if cell.difference else None, row.shown_unit)}"
        + (f" with {column.label}" if several else "")
        for row, column, cell in found
    ]
    tested = f"Of {count(len(cells), 'test')} outside the headline table"
    if not found:
        return f"{tested} none is significant at a false discovery rate of 5 % (Benjamini and Hochberg)."
    are = "is" if len(found) == 1 else "are"
    rule = "a false discovery rate of 5 % (Benjamini and Hochberg; the conclusion names those under Holm's correction)"
    return f"{tested}, {len(found):,} {are} significant at {rule}: {listing(names, _MOST)}."
