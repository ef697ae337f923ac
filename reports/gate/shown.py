"""A gate's numbers as the report's table shows them: the same values, digits and counts of judged answers."""

from __future__ import annotations

from dataclasses import replace

from reports.values.gate import CheckpointGate, Gate, RuleResult, Shown
from reports.values.table import Row, Table


def as_shown(gate: Gate, table: Table) -> Gate:
    """The gate with each rule's row of the table, whose columns have the labels of the gate."""
    rows = {(row.benchmark, row.metric, row.group): row for row in table.rows}
    places = {column.label: i for i, column in enumerate(table.columns)}
    base = next(i for i, column in enumerate(table.columns) if column.label == gate.base)

    def of(checkpoint: CheckpointGate) -> CheckpointGate:
        place = places.get(checkpoint.column)
        if place is None:
            return checkpoint  # nothing is measured of it
        found = ((rule, rows.get((rule.benchmark, rule.metric, rule.group))) for rule in checkpoint.rules)
        return replace(checkpoint, rules=tuple(_rule(rule, row, base, place) for rule, row in found))

    return replace(gate, checkpoints=tuple(of(checkpoint) for checkpoint in gate.checkpoints))


def _rule(rule: RuleResult, row: Row | None, base: int, place: int) -> RuleResult:
    return rule if row is None else replace(rule, shown=Shown(row.shown_unit, row.cells[base], row.cells[place]))
