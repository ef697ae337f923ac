"""Training logs and the pairs behind them, as a page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from reports.page import figures
from reports.page.pair_yields import fact
from reports.text.formatting import listing
from reports.values.comparison import Comparison, Curve, RunFacts

# TRL's names, in the order one reads them -> what they are; others are shown folded, under their own names
_TITLES = {
    "loss": "Loss",
    "rewards/margins": "Margin of rewards",
    "rewards/accuracies": "Accuracy: chosen above rejected",
    "rewards/chosen": "Reward of chosen",
    "rewards/rejected": "Reward of rejected",
    "objective/kl": "KL to the reference",
    "kl": "KL to the reference",
    "objective/scores": "Reward of own answers",
    "learning_rate": "Learning rate",
    "grad_norm": "Gradient norm",
    "time/tokens_per_s": "Tokens per second",
    "time/step_s": "Seconds per step",
    "time/memory_gb": "Peak memory, GB",
}


def training_figures(comparison: Comparison) -> tuple[list[Markup], list[Markup], str]:
    """(known logs, others, names of those that stayed 0 throughout)."""
    lines = [*comparison.training, *comparison.training_times]
    moved = [line for line in lines if any(line.y)]
    zero = [name for name in dict.fromkeys(line.name for line in lines) if name not in {line.name for line in moved}]
    ordered = sorted((line for line in moved if line.name in _TITLES), key=lambda line: list(_TITLES).index(line.name))
    named = [replace(line, name=_TITLES[line.name]) for line in ordered]
    others = [line for line in moved if line.name not in _TITLES]
    places = _marks(comparison)
    return _figures(named, places), _figures(others, places), listing(zero)


def runs(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(line.column for line in comparison.training))


def _marks(comparison: Comparison) -> dict[str, int]:
    """run -> its mark, the one of its column in the tables."""
    columns, short = comparison.columns, comparison.short.columns
    marks = figures.marks_of(columns, short)
    own = {name: mark for c, mark in zip(columns, marks, strict=True) if c.trained for name in (c.run_name, c.label)}
    return {run: own.get(run, len(short) + i) for i, run in enumerate(runs(comparison))}


def training_legend(comparison: Comparison) -> list[tuple[Markup, str]]:
    """(mark, runs that it stands for); nothing for one run."""
    by_mark: dict[int, list[str]] = {}
    for run, mark in _marks(comparison).items():
        by_mark.setdefault(mark, []).append(run)
    several = len(runs(comparison)) > 1
    return [(figures.legend_mark(mark), listing(names)) for mark, names in by_mark.items()] if several else []


def _figures(lines: Sequence[Curve], places: dict[str, int]) -> list[Markup]:
    by_name: dict[str, list[Curve]] = {}
    for line in lines:
        by_name.setdefault(line.name, []).append(line)
    found = [figures.curves(same, [places.get(c.column, 0) for c in same], "step", n, 270) for n, same in by_name.items()]
    return [figure for figure in found if figure]


def pair_sets(runs: Sequence[RunFacts]) -> list[tuple[str, str, RunFacts]]:
    """(names, yield in a line, one of them) for every different set of pairs: arms that shared theirs stand together."""
    sets: list[tuple[list[RunFacts], RunFacts]] = []
    for run in runs:
        if not run.pairs_report and not run.example_pairs:
            continue
        same = next((those for those, first in sets if _same_pairs(first, run)), None)
        if same is None:
            sets.append(([run], run))
        else:
            same.append(run)
    several = len({run.run_id for those, _ in sets for run in those}) > 1
    return [(_whose(those, several), _yield(run), run) for those, run in sets]


def _whose(runs: Sequence[RunFacts], several: bool) -> str:
    names = listing(list(dict.fromkeys(run.name for run in runs)), 6)
    return f"{names}, of {listing(list(dict.fromkeys(run.run_id for run in runs)))}" if several else names


def _yield(run: RunFacts) -> str:
    """'793 of 800 accepted', where the source counts them."""
    asked = run.pairs_report.get("asked")
    kept = next((run.pairs_report[key] for key in ("accepted", "kept") if key in run.pairs_report), None)
    return f"{kept:,} of {asked:,} accepted" if isinstance(asked, int) and isinstance(kept, int) else ""


def yield_lines(runs: Sequence[RunFacts]) -> list[str]:
    """'dpo: 793 of 800 accepted; left out: missing image 7' for every different set of pairs, as far as its source counts."""
    lines = []
    for names, kept, run in pair_sets(runs):
        told = [kept, *_left_out(run.pairs_report), str(run.pairs_report.get("rebuilt", ""))]
        lines += [f"{names}: {'; '.join(filter(None, told))}"] if any(told) else []
    return lines


def _left_out(report: Mapping[str, Any], part: str = "") -> list[str]:
    """What a source left out by reason, then what the sources inside it did."""
    dropped = report.get("dropped")
    reasons = ", ".join(f"{reason} {fact(n)}" for reason, n in dropped.items()) if isinstance(dropped, Mapping) else ""
    inner = [line for key, value in report.items() if isinstance(value, Mapping) for line in _left_out(value, f" ({key})")]
    return [*([f"left out{part}: {reasons}"] if reasons else []), *inner]


def _same_pairs(one: RunFacts, other: RunFacts) -> bool:
    return bool(one.example_pairs) and one.example_pairs == other.example_pairs and _counts(one) == _counts(other)


def _counts(run: RunFacts) -> dict[str, object]:
    """The yield report without its timings."""
    return {k: v for k, v in run.pairs_report.items() if not k.endswith(("_s", "seconds")) and not k.startswith("time")}
