"""A leaderboard of published numbers as data, to stand beside a run on request. Never part of a test, a gate or an interval.

    {"model": "LLaVA-1.5-7B", "benchmark": "mme", "metric": "perception", "group": "", "value": 1510.7,
     "source": "arXiv:2310.03744", "notes": "style llava; perception alone"}

`value` is on the metric's own scale (shares from 0 to 1). Another prompt, judge or library gives another number: `notes` says
what is known of the protocol.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.core.errors import ConfigError
from reports.text.formatting import with_unit
from reports.values.comparison import Comparison

_FILE = Path(__file__).parent / "numbers.json"


@dataclass(frozen=True, slots=True)
class Number:
    """One published value and where it stands."""

    model: str
    benchmark: str
    metric: str
    group: str
    value: float
    source: str
    notes: str


@cache
def numbers() -> tuple[Number, ...]:
    """All of them, in the order of the file."""
    return tuple(Number(**row) for row in json.loads(_FILE.read_text(encoding="utf-8")))


def chosen(model: str) -> tuple[Number, ...]:
    """Those of the models whose name contains `model`, in any case; "all" for every one. Raises ConfigError for none."""
    found = tuple(n for n in numbers() if model.lower() in ("all", n.model.lower()) or model.lower() in n.model.lower())
    if not found:
        known = ", ".join(dict.fromkeys(n.model for n in numbers()))
        raise ConfigError(f"There are no published numbers of {model!r}. Known: {known}.")
    return found


def beside(comparison: Comparison, published: Sequence[Number]) -> list[list[str]]:
    """Rows of a table: metric, each column's own value, the published one, whose, source and protocol."""
    table = []
    for row in comparison.rows:
        benchmark = comparison.protocols.get(row.benchmark, {}).get("benchmark", row.benchmark)
        for number in published:
            if (number.benchmark, number.metric, number.group) == (benchmark, row.metric, row.group):
                own = [with_unit(cell.value if cell else None, row.unit) for cell in row.cells]
                what = f"{row.benchmark} {row.metric}" + (f" ({row.group})" if row.group else "")
                told = f"{number.source}; {number.notes}".removesuffix("; ")
                table.append([what, *own, with_unit(number.value, row.unit), number.model, told])
    return table
