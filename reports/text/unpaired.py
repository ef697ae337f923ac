"""Where two checkpoints did not answer the same items, or not in the same wordings: over how many the difference is."""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.edge.text import count
from reports.text.formatting import listing, title_of
from reports.values.table import Cell, Table

_MOST = 3  # named


def unpaired(table: Table) -> str:
    """ "POPE with x: 60 items, 2,922 left out", of the headline table; "" where all answered the same items."""
    found: dict[tuple[str, str], str] = {}
    for row in table.headline:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if cell is not None and (told_of := _over(cell)):
                found.setdefault((row.benchmark, column.label), told_of)
    alike: dict[tuple[str, str], list[str]] = {}
    for (benchmark, label), told_of in found.items():
        alike.setdefault((benchmark, told_of), []).append(label)
    return first(
        [f"{title_of(benchmark)} with {listing(labels, _MOST)}: {words}" for (benchmark, words), labels in alike.items()]
    )


def over(n_paired: int, n_left_out: int) -> str:
    """ "60 items, 2,922 left out"; no item is no difference."""
    return f"{count(n_paired, 'item') if n_paired else 'no item, so there is no difference'}, {n_left_out:,} left out"


def first(texts: Sequence[str]) -> str:
    """The first few, and how many others there are."""
    return "; ".join(texts[:_MOST]) + (f"; and {len(texts) - _MOST:,} others" if len(texts) > _MOST else "")


def _over(cell: Cell) -> str:
    if cell.unpaired:
        return f"not compared, {cell.unpaired}"
    if not cell.n_left_out:
        return ""
    return over(cell.n_paired if cell.difference is not None else 0, cell.n_left_out)


def unpaired_line(table: Table) -> str:
    """The sentence for a table that shows values and differences; "" where all answered the same items."""
    method = ", that of a method over the items that all its seeds answered" if table.by_method else ""
    return told(found, method) if (found := unpaired(table)) else ""


def told(found: str, method: str = "") -> str:
    """The same sentence of what another table found."""
    return (
        f"Differences are over the items that both sides answered ({found}); each value is over all items of its own "
        f"checkpoint{method}, so two values need not differ by the difference shown."
    )
