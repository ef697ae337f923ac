"""The report in three sentences: what surely improved, what surely got worse, what cannot be told.

Every word follows from a number of the table; nothing is claimed that the table does not mark as sure.
"""

from __future__ import annotations

from collections.abc import Sequence

from reports.comparison import Cell, Column, Row, Verdict
from reports.paired import Difference
from reports.roles import HALLUCINATION, HELPFULNESS, first, lengths
from reports.wording import between, change, listing, row_name, with_unit

_MOST = 4  # facts named in a sentence, or checkpoints in the headline; the table has the rest
_MOST_EACH = 2  # facts named for each of several checkpoints


def verdict(columns: Sequence[Column], rows: Sequence[Row]) -> Verdict:
    """Words for the headline rows of all columns but the baseline."""
    if len(columns) < 2:
        return Verdict("", "", "", "There is one checkpoint only: nothing to compare with yet.")
    shown = [row for row in rows if row.headline]
    better, worse, changed = (_told(columns, shown, kind) for kind in ("better", "worse", "changed"))
    unsure, unknown = (_untold(columns, shown, known=known) for known in (True, False))
    return Verdict(
        _headline(rows, columns) if len(columns) == 2 else _several(rows, columns),
        f"Surely better: {better}." if better else "Nothing surely improved.",
        f"Surely worse: {worse}." if worse else "Nothing surely got worse.",
        " ".join(
            part
            for part in (
                f"Cannot be told from these items: {unsure}." if unsure else "No measured headline metric is left in doubt.",
                f"Unknown: {unknown}." if unknown else "",
                f"Moved, where neither way is better: {changed}." if changed else "",
            )
            if part
        ),
    )


def _headline(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    bad = first(rows, HALLUCINATION)
    if bad is None:
        return _plain_headline(rows)
    cell, difference = bad.cells[1], _difference(bad.cells[1])
    if cell is None or difference is None:
        return f"Whether hallucination fell cannot be told: {row_name(bad)} is unknown for {columns[1].label}."
    told = {"better": "Alignment lowered hallucination", "worse": "Alignment raised hallucination"}
    before = bad.cells[0]
    moved = f"{row_name(bad)} {with_unit(before.value if before else None, bad.unit)} \u2192 " + with_unit(cell.value, bad.unit)
    interval = between(difference.low, difference.high, bad.unit, signed=True)
    how_sure = f", 95 % interval {interval}" if interval else ", no interval from so few images"
    opening = told.get(cell.sure, "No sure change in hallucination")
    return f"{opening}: {moved} ({change(difference.value, bad.unit)}{how_sure}). {_price(rows, bad)}".strip()


def _several(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """Which of several checkpoints lowered hallucination, and which lost or won helpfulness."""
    bad = first(rows, HALLUCINATION)
    if bad is None:
        return ""
    good = first(rows, HELPFULNESS, bad.benchmark) or first(rows, HELPFULNESS)
    told = [_moves(bad, columns, {"better": "surely fell with", "worse": "surely rose with", "": "did not surely move with"})]
    if good:
        words = {"better": "surely rose with", "worse": "surely fell with", "": "did not surely move with"}
        told.append(_moves(good, columns, words))
    return " ".join(sentence for sentence in told if sentence)


def _moves(row: Row, columns: Sequence[Column], words: dict[str, str]) -> str:
    found = []
    for kind, verb in words.items():
        moved = [
            f"{column.label} ({change(d.value, row.unit)})"
            for column, cell in zip(columns[1:], row.cells[1:], strict=True)
            if cell is not None and cell.sure == kind and (d := _difference(cell)) is not None
        ]
        if moved:
            found.append(f"{verb} {listing(moved, _MOST)}")
    return f"{row_name(row)} {'; it '.join(found)}." if found else ""


def _difference(cell: Cell | None) -> Difference | None:
    """The difference, where it has a value."""
    return cell.difference if cell and cell.difference and cell.difference.value is not None else None


def _plain_headline(rows: Sequence[Row]) -> str:
    """Without a hallucination metric, the first headline row tells."""
    row = next((r for r in rows if r.headline and r.better != "neither" and r.cells[1]), None)
    if row is None or row.cells[1] is None or row.cells[1].difference is None:
        return ""
    cell = row.cells[1]
    told = {"better": "improved", "worse": "got worse"}.get(cell.sure, "did not surely change")
    return f"{row_name(row)} {told}: {change(row.cells[1].difference.value, row.unit)}."


def _price(rows: Sequence[Row], bad: Row) -> str:
    """What it cost in helpfulness and in length, on the same benchmark."""
    good = first(rows, HELPFULNESS, bad.benchmark) or first(rows, HELPFULNESS)
    length = next((row for row in lengths(rows) if row.benchmark == bad.benchmark), None)
    parts = []
    for row in (good, length):
        cell = row.cells[1] if row else None
        difference = _difference(cell)
        if row is None or cell is None or difference is None:
            continue
        sure = "" if cell.sure else ", not sure"
        parts.append(f"{row_name(row)} {change(difference.value, row.unit)}{sure}")
    return f"At the same time: {'; '.join(parts)}." if parts else ""


def _told(columns: Sequence[Column], rows: Sequence[Row], kind: str) -> str:
    """'POPE accuracy +2.1 points and CHAIRi \u22123.0 points'; with several columns, column by column."""
    facts = [
        [_fact(row, cell) for row in rows if (cell := row.cells[j]) is not None and cell.sure == kind]
        for j in range(1, len(columns))
    ]
    return _by_column(columns, facts)


def _fact(row: Row, cell: Cell) -> str:
    return f"{row_name(row)} {change(cell.difference.value if cell.difference else None, row.unit)}"


def _untold(columns: Sequence[Column], rows: Sequence[Row], known: bool) -> str:
    """Metrics with a direction that are not sure; `known`: those that were measured, or those that were not."""
    names = [
        [
            row_name(row)
            for row in rows
            if row.better != "neither"
            and (cell := row.cells[j]) is not None
            and not cell.sure
            and (_difference(cell) is not None) == known
        ]
        for j in range(1, len(columns))
    ]
    return _by_column(columns, names)


def _by_column(columns: Sequence[Column], facts: Sequence[Sequence[str]]) -> str:
    if len(columns) == 2:
        return listing(facts[0], _MOST)
    told = zip(columns[1:], facts, strict=True)
    return "; ".join(f"{column.label} in {listing(found, _MOST_EACH)}" for column, found in told if found)
