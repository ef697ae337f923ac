"""The tables of docs/methods.md from the finished runs of `all_methods`: effect beside cost, and methods against DPO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import harness
from harness.core.stats import benjamini_hochberg
from reports.text.formatting import between, number
from reports.values.table import Row, Table

SHOWN = (("chair", "chair_i"), ("chair", "recall"), ("chair", "length"), ("pope", "accuracy"))
TESTED = SHOWN[:2] + SHOWN[3:]  # what a method should move; length is shown beside
RATE = 0.05  # of false discoveries
Result = Mapping[str, Any]  # METHOD.json


def page(results: Sequence[Result], output: Path) -> str:
    """Both tables and the settings that were chosen, as Markdown; methods in the order of the campaign."""
    runs = [result["run"] for result in results]
    to_base, to_dpo = (harness.compare(*runs, output=output, baseline=name).comparison.short for name in (None, "dpo"))
    names = [result["method"] for result in results]
    values = {key: _row(to_base, key).cells[0] for key in SHOWN}
    base = ["base", *(number(cell.value, _row(to_base, key).unit) for key, cell in values.items() if cell), "", "", ""]
    header = [
        "method",
        "CHAIRi",
        "recall",
        "length (words)",
        "POPE accuracy",
        "tokens a training",
        "s a training",
        "s its search",
    ]
    beside = [base, *([*line, *_cost(result)] for line, result in zip(_lines(to_base, names), results, strict=True))]
    others = [name for name in names if name != "dpo"]
    return "\n\n".join([
        "Differences to the unaligned checkpoint, and what a method cost:",
        _table(header, beside),
        _found(to_base, names, "the unaligned checkpoint"),
        "Differences to `dpo`, seed by seed and image by image:",
        _table(header[:5], _lines(to_dpo, others)),
        _found(to_dpo, others, "`dpo`"),
        "Settings that the search chose, and what the eight reached on the held-out training images (object F1 in percent: "
        "the best, the median and the worst):",
        _table(["method", "learning rate", "strength", "object F1"], [_chosen(result) for result in results]),
    ])  # fmt: skip


def _row(table: Table, key: tuple[str, str]) -> Row:
    return next(row for row in table.rows if (row.benchmark, row.metric, row.group) == (*key, ""))


def _place(table: Table, name: str) -> int:
    return [column.label for column in table.columns].index(name)


def _adjusted(table: Table, names: Sequence[str]) -> dict[tuple[str, tuple[str, str]], float | None]:
    """(method, metric) -> p adjusted for the false discovery rate over all of them."""
    places = [(name, key) for name in names for key in TESTED]
    ps = [(cell.difference.p if cell and cell.difference else None) for cell in (_cell(table, *place) for place in places)]
    return dict(zip(places, benjamini_hochberg(ps), strict=True))


def _cell(table: Table, name: str, key: tuple[str, str]) -> Any:  # Any: Cell | None
    return _row(table, key).cells[_place(table, name)]


def _lines(table: Table, names: Sequence[str]) -> list[list[str]]:
    found = _adjusted(table, names)
    return [[f"`{name}`", *(_moved(table, name, key, found.get((name, key))) for key in SHOWN)] for name in names]


def _moved(table: Table, name: str, key: tuple[str, str], q: float | None) -> str:
    cell, unit = _cell(table, name, key), _row(table, key).unit
    if cell is None or cell.difference is None or cell.difference.value is None:
        return "unknown"
    moved = cell.difference
    text = f"{number(moved.value, unit, signed=True)} {between(moved.low, moved.high, unit, signed=True)}"
    return f"**{text}**" if q is not None and q < RATE else text


def _found(table: Table, names: Sequence[str], beside: str) -> str:
    """Which differences stay at the false discovery rate, in words."""
    found = _adjusted(table, names)
    kept = [f"{name} in {key[1]}" for (name, key), q in found.items() if q is not None and q < RATE]
    said = ", ".join(kept) if kept else "none"
    return (
        f"Of {len(found)} differences to {beside} (CHAIRi, recall, POPE accuracy) {len(kept)} remain at a false discovery rate "
        f"of 5 % (Benjamini and Hochberg; bold): {said}."
    )


def _cost(result: Result) -> list[str]:
    return [f"{result['tokens']:,.0f}", f"{result['training_s']:.1f}", f"{result['search_s']:.0f}"]


def _chosen(result: Result) -> list[str]:
    known = sorted(100 * one["f1"] for one in result["searched"] if one["f1"] is not None)
    chosen = result["chosen"]
    strength = "-" if chosen["strength"] is None else f"{chosen['strength']:g}"
    spread = f"{known[-1]:.1f}, {known[len(known) // 2]:.1f}, {known[0]:.1f}"
    failed = f" ({len(result['searched']) - len(known)} failed)" if len(known) < len(result["searched"]) else ""
    return [f"`{result['method']}`", f"{chosen['learning_rate']:g}", strength, spread + failed]


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *lines))
