"""Where two checkpoints did not answer the same items, or not in the same wordings: over how many the difference is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from harness.core.edge.text import count
from reports.text.formatting import listing, title_of
from reports.values.table import Cell, Table

_MOST = 3  # named


class Counts(NamedTuple):
    """Over how many items a difference is, and how many items and groups of items are left out."""

    paired: int
    left_out: int
    groups_left_out: int


def unpaired(table: Table) -> str:
    """ "POPE with x: 60 items, 2,922 left out", of the headline table; "" where all answered the same items."""
    cells: dict[tuple[str, str], list[Cell]] = {}
    for row in table.headline:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if cell is not None:
                cells.setdefault((row.benchmark, column.label), []).append(cell)
    alike: dict[tuple[str, str], list[str]] = {}
    for (benchmark, label), each in cells.items():
        if words := _words(each):
            alike.setdefault((benchmark, words), []).append(label)
    return first(
        [f"{title_of(benchmark)} with {listing(labels, _MOST)}: {words}" for (benchmark, words), labels in alike.items()]
    )


def over(metrics: Sequence[Counts]) -> str:
    """ "60 items, 2,922 left out", of the first metric of a benchmark that leaves items out, else groups, and the most groups
    that any leaves out; "" where none does. No item is no difference."""
    kinds = ([one for one in metrics if one.left_out], [one for one in metrics if one.groups_left_out])
    if not any(kinds):
        return ""
    paired, left_out, _ = (kinds[0] or kinds[1])[0]
    groups = max(one.groups_left_out for one in metrics)
    items = count(paired, "item") if paired else "no item, so there is no difference"
    left = [f"{left_out:,}"] * bool(kinds[0]) + [count(groups, "incomplete group")] * bool(groups)
    return f"{items}, {' and '.join(left)} left out"


def first(texts: Sequence[str]) -> str:
    """The first few, and how many others there are."""
    return "; ".join(texts[:_MOST]) + (f"; and {len(texts) - _MOST:,} others" if len(texts) > _MOST else "")


def _words(cells: Sequence[Cell]) -> str:
    """Of one benchmark's cells of a column."""
    if apart := next((cell.unpaired for cell in cells if cell.unpaired), ""):
        return f"not compared, {apart}"
    paired = [cell.n_paired if cell.difference is not None else 0 for cell in cells]
    return over([Counts(n, cell.n_left_out, cell.n_groups_left_out) for n, cell in zip(paired, cells, strict=True)])


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
