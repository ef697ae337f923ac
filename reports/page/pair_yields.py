"""A source's yield report, whose keys are its own, as facts, two-sided statistics and histograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reports.page import figures
from reports.text.formatting import name
from reports.values.comparison import RunFacts

_EXPLAINED = {
    "similarity": "Similarity: cosine between rejected and chosen answer, 1 is the same.",
    "share_equal": "Share equal: pairs whose two answers have the same number.",
    "free_last_tries": "Free last tries: rejected answers written without the chosen answer's halves.",
    "unfinished": "Unfinished: rejected answers cut off by the token limit.",
    "weights_not_used": "Weights not used: pairs that the set gives a weight other than 1; all pairs count the same.",
    "answers_left_out": "Answers left out: answers to the prompts of these pairs without a text, or without all ratings.",
    "tries": "Tries: at which try an answer was accepted.",
}
_FIRST = ("asked", "accepted", "kept")  # what one wants to know first; the rest by name


@dataclass(frozen=True, slots=True)
class PairsView:
    """A source's yield report: plain facts, its options, two-sided statistics, histograms."""

    facts: list[tuple[str, str]]
    options: list[tuple[str, str]]
    sides: list[tuple[str, str, str, str]]  # what, chosen, rejected, anything else known of both
    histograms: list[Markup]


def pairs_view(run: RunFacts) -> PairsView:
    view = PairsView([], [], [], [])
    report = _with_meaning(run.pairs_report)
    for key in sorted(report, key=lambda k: (_FIRST.index(k) if k in _FIRST else len(_FIRST), k)):
        if key == "options":
            view.options.extend(_flat("", report[key]))
        elif key != "examples":  # ids of the pairs that are shown below
            _add(view, key, report[key])
    return view


def _with_meaning(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """The report without the free last tries that earlier versions also wrote of sources which have none."""
    options = report.get("options")
    if not isinstance(options, Mapping) or (options.get("guided") and options.get("free_last_try")):
        return report
    return {key: value for key, value in report.items() if key != "free_last_tries"}


def _add(view: PairsView, key: str, value: Any) -> None:
    if bins := _bins(key, value):
        if any(count for _, count in bins):  # a source that compares nothing has no similarities
            view.histograms.append(figures.histogram(bins, "pairs", name(key.removesuffix("_histogram"))))
    elif isinstance(value, Mapping) and {"chosen", "rejected"} <= set(value):
        others = {k: v for k, v in value.items() if k not in ("chosen", "rejected")}
        view.sides.append((name(key), fact(value["chosen"]), fact(value["rejected"]), fact(others)))
    elif key == "sides" and isinstance(value, Mapping):
        for inner, sides in value.items():
            _add(view, inner, sides)
    elif isinstance(value, Mapping) and isinstance(value.get("histogram"), list):
        _add(view, key, value["histogram"])
        _add(view, key, {k: v for k, v in value.items() if k != "histogram"})
    else:
        view.facts.extend(_flat(name(key), value))


def _bins(key: str, value: Any) -> list[tuple[float, float]]:
    """[[bin, count], ...], {"1": count, ...}, or for a similarity plain counts over [0, 1]; else nothing."""
    pairs: list[Any] = []
    if isinstance(value, Mapping) and len(value) > 1 and all(str(k).isdigit() for k in value):
        pairs = sorted(([float(str(k)), n] for k, n in value.items()), key=lambda pair: pair[0])
    elif isinstance(value, list | tuple) and "similarity" in key and all(_is_number(n) for n in value):
        pairs = [[i / len(value), n] for i, n in enumerate(value)]
    elif isinstance(value, list | tuple):
        pairs = list(value)
    good = all(isinstance(p, list | tuple) and len(p) == 2 and all(map(_is_number, p)) for p in pairs)
    return [(float(a), float(b)) for a, b in pairs] if good else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flat(key: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        inner = {f"{key}: {name(str(k)).lower()}" if key else name(str(k)): v for k, v in value.items()}
        return [line for k, v in inner.items() for line in _flat(k, v)]
    return [(key, fact(value))]


def fact(value: Any) -> str:
    """Any value of a report or of a pair's provenance in a few words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name(str(k)).lower()} {fact(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(fact(v) for v in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "\u2013"
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def provenance(meta: Mapping[str, Any]) -> str:
    """A pair's `meta` in a line: what is not the case is not said."""
    return ", ".join(
        f"{name(k).lower()} {fact(v)}" if v is not True else name(k).lower() for k, v in meta.items() if v is not False
    )


def explanations(report: Mapping[str, Any]) -> str:
    """What the figures of a yield report mean, for those that are there."""
    report = _with_meaning(report)
    keys = {*report, *(key for sides in (report.get("sides") or {}).values() if isinstance(sides, Mapping) for key in sides)}
    return " ".join(words for key, words in _EXPLAINED.items() if key in keys)
