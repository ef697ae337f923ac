"""How far a row moved in which columns, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.text.formatting import change, listing, number, probability, row_name

if TYPE_CHECKING:
    from reports.values.paired import Difference
    from reports.values.table import Cell, Row, Table

MOST = 5  # facts named in a sentence, checkpoints named without figures
LONGEST = 200  # characters of names in a list: of longer ones how many
NAMED = 3  # checkpoints named for one metric; of more, how many and the extremes


def shift_of(cell: Cell | None) -> Difference | None:
    """The difference, where it has a value."""
    return cell.difference if cell and cell.difference and cell.difference.value is not None else None


def untested(cell: Cell | None) -> bool:
    """The difference has a value and no p."""
    moved = shift_of(cell)
    return moved is not None and moved.p is None


def p_beside(cell: Cell | None) -> str:
    """The corrected p of a difference that is not significant although its own interval leaves 0 out; "" of all others."""
    moved = shift_of(cell)
    if cell is None or moved is None or cell.significant or moved.low is None or moved.high is None:
        return ""
    return "" if moved.low <= 0 <= moved.high else probability(cell.p_holm)


def with_p(shown: str, cell: Cell | None) -> str:
    """'\u22120.9 [\u22122.1, \u22120.1], p 0.070' of such a difference, else as it is shown."""
    p = p_beside(cell)
    return f"{shown}, p {p}" if p else shown


def movers(table: Table, row: Row, kind: str) -> list[int]:
    """Columns in which the row is significantly `kind`."""
    return [j for j in range(1, len(table.columns)) if (cell := row.cells[j]) is not None and cell.significant == kind]


def fact(row: Row) -> str:
    """'POPE accuracy \u22120.4 points', of the second column."""
    moved = shift_of(row.cells[1])
    return f"{row_name(row)} {change(moved.value if moved else None, row.shown_unit)}"


def visible(row: Row) -> str:
    """'POPE accuracy \u22120.4 points (detectable from 1.2)'."""
    cell = row.cells[1]
    if cell is None or shift_of(cell) is None or not cell.detectable:
        return row_name(row)
    if math.isinf(cell.detectable):
        return f"{fact(row)} (not detectable with so few images)"
    return f"{fact(row)} (detectable from {number(cell.detectable, row.shown_unit)})"


def by_name(table: Table, row: Row, places: Sequence[int]) -> str:
    """'dpo (\u22122.0 points) and ipo (\u22121.6 points)', or 'all 11 (\u22121.6 with ipo to \u22128.6 points with bdhs)'."""
    shifts = {j: d.value or 0.0 for j in places if (d := shift_of(row.cells[j]))}
    if len(places) <= NAMED:
        return listing([f"{table.columns[j].label} ({change(shifts[j], row.shown_unit)})" for j in places])
    ordered = sorted(places, key=lambda j: abs(shifts[j]))
    least, most = ordered[0], ordered[-1]
    reach = f"{number(shifts[least], row.shown_unit, signed=True)} with {table.columns[least].label} to "
    return f"{names_of(table, places)} ({reach}{change(shifts[most], row.shown_unit)} with {table.columns[most].label})"


def noun_of(table: Table) -> str:
    """What a column of the table is."""
    return "method" if table.by_method else "checkpoint"


def names_of(table: Table, places: Sequence[int]) -> str:
    """'all 11', 'both methods', 'all but rloo', '7 of 11', or names."""
    others = [table.columns[j].label for j in range(1, len(table.columns)) if j not in places]
    if not others:
        return f"both {noun_of(table)}s" if len(places) == 2 else f"all {len(places)}"
    named = listing([table.columns[j].label for j in places])
    if len(places) <= MOST and len(named) <= LONGEST:
        return named
    return f"all but {listing(others)}" if len(others) <= 2 else f"{len(places)} of {len(table.columns) - 1}"
