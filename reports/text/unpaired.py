"""Where two checkpoints did not answer the same items: over how many the difference is."""

from __future__ import annotations

from collections.abc import Sequence

from reports.text.formatting import title_of
from reports.values.table import Table

_MOST = 3  # named


def unpaired(table: Table) -> str:
    """ "POPE with x: 60 items, 2,922 left out", for each benchmark and column of the headline table; "" where there is none."""
    found: dict[tuple[str, str], str] = {}
    for row in table.headline:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if cell is not None and cell.n_left_out:
                n_paired = cell.n_paired if cell.difference is not None else 0
                one = f"{title_of(row.benchmark)} with {column.label}: {over(n_paired, cell.n_left_out)}"
                found.setdefault((row.benchmark, column.label), one)
    return first(list(found.values()))


def over(n_paired: int, n_left_out: int) -> str:
    """ "60 items, 2,922 left out"; no item is no difference."""
    return f"{f'{n_paired:,} items' if n_paired else 'no item, so there is no difference'}, {n_left_out:,} left out"


def first(texts: Sequence[str]) -> str:
    """The first few, and how many others there are."""
    return "; ".join(texts[:_MOST]) + (f"; and {len(texts) - _MOST:,} others" if len(texts) > _MOST else "")


def unpaired_line(table: Table) -> str:
    """The sentence for a table that shows values and differences; "" where all answered the same items."""
    return told(found) if (found := unpaired(table)) else ""


def told(found: str) -> str:
    """The same sentence of what another table found."""
    return (
        f"Differences are over the items that both sides answered ({found}); each value is over all items of its own "
        "checkpoint, so two values need not differ by the difference shown."
    )
