"""The conclusion of a report: what improved significantly, what got significantly worse, what is inconclusive.

Every word follows from a number of the short table; only what the table marks as significant is claimed. Against one
checkpoint the facts are listed metric by metric; of several, each metric tells which of them moved it and how far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.core.stats import NO_INTERVAL
from reports.comparison.details import same_checkpoint
from reports.tables.roles import HELPFULNESS, first, leading, lengths
from reports.text.formatting import between, change, listing, row_name, title_of, with_unit
from reports.text.moved import MOST, NAMED, by_name, fact, movers, names_of, noun_of, shift_of, untested, visible
from reports.values.comparison import Conclusion
from reports.values.wordings import OTHER_ITEMS

if TYPE_CHECKING:
    from reports.values.details import ProtocolDifference
    from reports.values.table import Cell, Column, Row, Table


def conclusion(table: Table, unlike: Sequence[ProtocolDifference] = (), repeated: str = "") -> Conclusion:
    """Words for the headline rows of all columns but the baseline. `unlike`: where protocols differ from the baseline's.
    `repeated`: which columns are one checkpoint under several names."""
    if len(table.columns) < 2:
        return Conclusion("", "", "", "There is only one checkpoint, so there is nothing to compare.")
    of = _of_one if len(table.columns) == 2 else _of_several
    better, worse, changed = (of(table, kind) for kind in ("better", "worse", "changed"))
    inconclusive, alone, unknown = (_open(table, kind) for kind in ("inconclusive", "not tested", "unknown"))
    return Conclusion(
        _headline(table.rows, table.columns) if len(table.columns) == 2 else _several(table),
        _moved(table, "better", better),
        _moved(table, "worse", worse),
        " ".join(
            part
            for part in (
                f"Inconclusive with these items: {inconclusive}." if inconclusive else "",
                f"Not tested: {alone}." if alone else "",
                "" if inconclusive or alone else "No measured headline metric is inconclusive.",
                f"Unknown: {unknown}{_why_unknown(table)}." if unknown else "",
                f"Significant change, where neither direction is better: {changed}." if changed else "",
            )
            if part
        ),
        _scope(table),
        f"{same_checkpoint(table.columns, unlike)} {repeated}".strip(),
    )


def _moved(table: Table, kind: str, headline: str) -> str:
    """What is significantly `kind` in the headline table, then outside it, which is corrected by itself: every loss, the first
    gains."""
    none = {"better": "No significant improvement", "worse": "No significant loss"}[kind]
    moved = [(row, places) for row in table.rows if not row.headline and (places := movers(table, row, kind))]
    start = f"Significantly {kind}: {headline}." if headline else f"{none}{' in the headline table' if moved else ''}."
    if not moved:
        return start
    if len(table.columns) == 2:
        named = [fact(row) for row, _ in moved]
    else:
        named = [f"{row_name(r)} with {by_name(table, r, p) if kind == 'worse' else names_of(table, p)}" for r, p in moved]
    if kind == "better" and len(named) > MOST + 1:
        named = [*named[:MOST], f"{len(named) - MOST:,} more"]
    separator = ", " if len(table.columns) == 2 else "; "
    return f"{start} Outside the headline table, significantly {kind} (Holm): {separator.join(named)}."


def _scope(table: Table) -> str:
    """What differences are to, where that is an aligned checkpoint, and what the intervals do not contain."""
    base = table.columns[0]
    to = f"Differences are to {base.label}. " if base.trained else ""
    wording = "another wording of the prompts"
    wording += f" (but for {listing([title_of(name) for name in table.worded])})" if table.worded else ""
    seeded, single = ([c.label for c in table.columns[1:] if bool(c.places) == kind] for kind in (True, False))
    held, left = "images", f"another training seed, {wording}, another judge or other data"
    if base.places or not single:
        held, left = "images and training seeds", f"{wording}, another judge or other data"
    elif seeded:
        held = f"images (of {listing(seeded, MOST)} also of training seeds)"
        left = f"another training seed (of {listing(single, MOST)}), {wording}, another judge or other data"
    return f"{to}Intervals and tests cover the variation of {held}, not that of {left}."


# ---------------------------------------------------------------- one checkpoint against its baseline


def _headline(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    bad = leading(rows)
    if bad is None:
        return _plain_headline(rows)
    cell, difference = bad.cells[1], shift_of(bad.cells[1])
    if cell is None or difference is None:
        return f"Whether hallucination fell is unknown: {row_name(bad)} is unknown for {columns[1].label}."
    between_arms = f" with {columns[1].label} than with {columns[0].label}"
    openings = {"better": f"Less hallucination{between_arms}", "worse": f"More hallucination{between_arms}"}
    same = bool(columns[0].digest) and columns[0].digest == columns[1].digest
    if same:
        openings = {kind: f"{words}, measured of the same checkpoint" for kind, words in openings.items()}
    elif columns[1].trained and not columns[0].trained:
        openings = {"better": "Alignment lowered hallucination", "worse": "Alignment raised hallucination"}
    before = bad.cells[0]
    values = with_unit(before.value if before else None, bad.shown_unit), with_unit(cell.value, bad.shown_unit)
    moved = f"{row_name(bad)} {values[0]} \u2192 {values[1]}"
    interval = between(difference.low, difference.high, bad.shown_unit, signed=True)
    no_interval = "" if same and untested(cell) else f", no interval{_why_not(cell, ': {}')}"
    interval_words = f", 95 % interval {interval}" if interval else no_interval
    still = "Whether hallucination changed was not tested" if untested(cell) else "No significant change in hallucination"
    opening = openings.get(cell.significant, still)
    return f"{opening}: {moved} ({change(difference.value, bad.shown_unit)}{interval_words}). {_price(rows, bad)}".strip()


def _plain_headline(rows: Sequence[Row]) -> str:
    """Without a hallucination metric, the first headline row tells."""
    row = next((r for r in rows if r.headline and r.better != "neither" and r.cells[1]), None)
    if row is None or row.cells[1] is None or row.cells[1].difference is None:
        return ""
    cell, moved = row.cells[1], row.cells[1].difference.value
    if moved is None:
        return f"Whether {row_name(row)} changed is unknown."
    still = f"was not tested{_why_not(cell, ' ({})')}" if untested(cell) else "did not change significantly"
    sentence = {"better": "improved", "worse": "got worse"}.get(cell.significant, still)
    return f"{row_name(row)} {sentence}: {change(moved, row.shown_unit)}."


def _why_not(cell: Cell, form: str) -> str:
    """'fewer than 5 images count' in this form, where the difference or the cell says why it has no interval."""
    why = cell.difference.why if cell.difference is not None else ""
    why = why or cell.why.removeprefix(NO_INTERVAL) * cell.why.startswith(NO_INTERVAL)
    return form.format(why) if why else ""


def _price(rows: Sequence[Row], bad: Row) -> str:
    """What it cost in helpfulness and in length, on the same benchmark."""
    good = first(rows, HELPFULNESS, bad.benchmark) or first(rows, HELPFULNESS)
    length = next((row for row in lengths(rows) if row.benchmark == bad.benchmark), None)
    parts = []
    for row in (good, length):
        cell = row.cells[1] if row else None
        difference = shift_of(cell)
        if row is None or cell is None or difference is None:
            continue
        significant = "" if cell.significant else ", not tested" if untested(cell) else ", not significant"
        parts.append(f"{row_name(row)} {change(difference.value, row.shown_unit)}{significant}")
    return f"At the same time: {'; '.join(parts)}." if parts else ""


def _of_one(table: Table, kind: str) -> str:
    """'POPE accuracy +2.1 points and CHAIRi \u22123.0 points'."""
    facts = [fact(row) for row in table.headline if (cell := row.cells[1]) is not None and cell.significant == kind]
    return listing(facts, len(facts) if kind == "worse" else MOST)


# ---------------------------------------------------------------- several checkpoints, or methods


def _several(table: Table) -> str:
    """Which lowered hallucination, which moved helpfulness, and which did the first without losing the second."""
    measured = [row for row in table.rows if any(map(shift_of, row.cells))]
    bad = leading(measured)
    if bad is None:
        return ""
    good = first(measured, HELPFULNESS, bad.benchmark) or first(measured, HELPFULNESS)
    said = [_moves(table, row) for row in (bad, good) if row]
    lowered = movers(table, bad, "better")
    if good and movers(table, good, "worse"):
        spared = [j for j in lowered if (cell := good.cells[j]) and cell.significant != "worse" and shift_of(cell)]
        if spared and len(table.columns) > 3:
            names = listing([table.columns[j].label for j in spared], 6)
            said.append(f"Less hallucination without a significant loss of {row_name(good)}: {names}.")
    return " ".join(said)


def _moves(table: Table, row: Row) -> str:
    """'CHAIRi fell significantly with all but rloo (...); it did not change significantly with rloo (\u22121.8 points).'"""
    rising = row.better != "lower"
    found = []
    for kind, verb in (("better", "rose" if rising else "fell"), ("worse", "fell" if rising else "rose")):
        if who := movers(table, row, kind):
            found.append(f"{verb} significantly with {by_name(table, row, who)}")
    open_ = [j for j in movers(table, row, "") if shift_of(row.cells[j])]
    still, alone = [[j for j in open_ if untested(row.cells[j]) == kind] for kind in (False, True)]
    unknown = [j for j in range(1, len(table.columns)) if not shift_of(row.cells[j])]
    if not found and not unknown and not alone:
        if len(still) > 1:
            names = listing([table.columns[j].label for j in still], MOST)
            return f"No {noun_of(table)} changed {row_name(row)} significantly ({names})."
        found.append("did not change significantly")
    elif still and (len(still) <= NAMED or not found):
        found.append(f"did not change significantly with {by_name(table, row, still)}")
    if alone:
        found.append(f"was not tested with {by_name(table, row, alone)}")
    if unknown:
        found.append(f"is unknown with {names_of(table, unknown)}")
    return f"{row_name(row)} {'; it '.join(found)}."


def _of_several(table: Table, kind: str) -> str:
    moved = [(row, movers(table, row, kind)) for row in table.headline]
    return "; ".join(f"{row_name(row)} with {by_name(table, row, places)}" for row, places in moved if places)


def _open(table: Table, kind: str) -> str:
    """Metrics with a direction without a significant change, which are "inconclusive", "not tested" or "unknown"."""
    by_places: dict[tuple[int, ...], list[Row]] = {}
    for row in table.headline:
        cells = {j: cell for j in range(1, len(table.columns)) if (cell := row.cells[j]) is not None and not cell.significant}
        places = tuple(j for j, cell in cells.items() if _kind(cell) == kind)
        if places and row.better != "neither":
            by_places.setdefault(places, []).append(row)
    if len(table.columns) == 2:
        told = {"inconclusive": visible, "not tested": fact, "unknown": row_name}[kind]
        return listing([told(row) for rows in by_places.values() for row in rows], MOST)
    parts = [f"{listing([row_name(row) for row in rows], MOST)} with {names_of(table, p)}" for p, rows in by_places.items()]
    return "; ".join(parts)


def _kind(cell: Cell) -> str:
    return "unknown" if shift_of(cell) is None else "not tested" if untested(cell) else "inconclusive"


def _why_unknown(table: Table) -> str:
    """Of benchmarks that only their labels make wordings of one."""
    apart = [row.benchmark for row in table.headline if any(cell and cell.why == OTHER_ITEMS for cell in row.cells)]
    return f" (of {listing([title_of(name) for name in dict.fromkeys(apart)], MOST)} {OTHER_ITEMS})" if apart else ""
