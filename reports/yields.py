"""A source's yield report, whose keys are its own, as facts, two-sided statistics and histograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reports import figures
from reports.comparison import RunFacts
from reports.wording import name


@dataclass(frozen=True, slots=True)
class PairsView:
    """A source's yield report: plain facts, two-sided statistics, histograms."""

    facts: list[tuple[str, str]]
    sides: list[tuple[str, str, str]]
    histograms: list[Markup]


def pairs_view(run: RunFacts) -> PairsView:
    facts: list[tuple[str, str]] = []
    sides: list[tuple[str, str, str]] = []
    drawn = []
    for key, value in run.pairs_report.items():
        if _is_histogram(value):
            bins = [(float(a), float(b)) for a, b in value]
            drawn.append(figures.histogram(bins, "pairs", name(key.removesuffix("_histogram"))))
        elif isinstance(value, Mapping) and {"chosen", "rejected"} <= set(value):
            sides.append((name(key), _fact(value["chosen"]), _fact(value["rejected"])))
        else:
            facts += _flat(name(key), value)
    return PairsView(facts, sides, drawn)


def _is_histogram(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    return all(isinstance(b, list | tuple) and len(b) == 2 and all(isinstance(v, int | float) for v in b) for b in value)


def _flat(key: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [line for k, inner in value.items() for line in _flat(f"{key}: {name(str(k)).lower()}", inner)]
    return [(key, _fact(value))]


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name(str(k)).lower()} {_fact(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_fact(v) for v in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
