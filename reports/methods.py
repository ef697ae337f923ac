"""Columns that are seeds of one method, put together.

Two columns are seeds of one method when their runs' configurations are equal but for the run's name and its seeds,
and their sweeps bear the same label but for an ending such as "-seed2" or "-s2" (arms of one run).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.contract import BenchmarkResult, Formula
from harness.stats import Floats, Sample, addend_names, evaluate, sample
from reports.comparison import Column, SeedRow
from reports.rows import Results
from reports.seeds import Seeds, combine_seeds

# top-level lines that name a run, and seeds wherever they stand; a nested `name:` names a plug-in and counts
_OWN = re.compile(r"^(?:name|label|output|folder)\s*:.*$|\bseed\s*:\s*\d+\s*,?", re.MULTILINE)
_ENDING = re.compile(r"[\s_\-#.]+(?:seed|s)[\s_\-=]*\d+$|\s#\d+$")


@dataclass(frozen=True, slots=True)
class Method:
    """Places of the columns that are its seeds."""

    name: str
    places: tuple[int, ...]


def methods(columns: Sequence[Column], sweep_labels: Sequence[str], configs: Sequence[str]) -> list[Method]:
    """Every method with two seeds or more; `sweep_labels` and `configs` are those of each column's run."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i, (column, label, config) in enumerate(zip(columns, sweep_labels, configs, strict=True)):
        if not column.is_baseline:
            groups.setdefault((_ENDING.sub("", label), " ".join(_OWN.sub("", config).split())), []).append(i)
    several = [places for (_, config), places in groups.items() if config and len(places) > 1]
    return [Method(_common_name([columns[i] for i in places]), tuple(places)) for places in several]


def _common_name(columns: Sequence[Column]) -> str:
    """'bdhs' of 'bdhs-s0' and 'bdhs-s1'; else the first label."""
    short = {_ENDING.sub("", column.label) for column in columns}
    return short.pop() if len(short) == 1 else columns[0].label


def seed_rows(found: Sequence[Method], benchmark: str, results: Results) -> list[SeedRow]:
    """The headline metrics of one benchmark for every method: the mean of its seeds and of its differences."""
    rows = []
    base = results[0]
    for method in found:
        sides = [results[i] for i in method.places]
        seeds = [side for side in sides if side is not None]
        if base is None or len(seeds) < 2 or len(seeds) < len(sides) or not _same_items([base, *seeds]):
            continue  # scatter over items can be told from scatter over seeds only on the same items
        names = addend_names(score for result in (base, *seeds) for score in result.scores)
        samples = [_sample(result, names) for result in (base, *seeds)]
        rows += [_row(method, benchmark, formula, samples) for formula in base.formulas if formula.headline]
    return [row for row in rows if row is not None]


def _same_items(results: Sequence[BenchmarkResult]) -> bool:
    ids = [[score.item_id for score in result.scores] for result in results]
    return all(other == ids[0] for other in ids)


def _sample(result: BenchmarkResult, names: Sequence[str]) -> Sample:
    clusters = {item.id: item.cluster for item in result.items}
    return sample([clusters[s.item_id] for s in result.scores], result.scores, names)


def _row(method: Method, benchmark: str, formula: Formula, samples: Sequence[Sample]) -> SeedRow | None:
    values = [float(evaluate(formula, s.names, s.totals.sum(axis=0, keepdims=True))[0]) for s in samples]
    drawn = [evaluate(formula, s.names, s.drawn) for s in samples]
    if not np.isfinite(values).all():
        return None
    combined = combine_seeds(values[1:], drawn[1:])
    shifts: list[Floats] = [d - drawn[0] for d in drawn[1:]]
    difference: Seeds | None = combine_seeds([v - values[0] for v in values[1:]], shifts)
    if combined is None or difference is None:
        return None
    key = f"{formula.name}[{formula.group}]" if formula.group else formula.name
    return SeedRow(method.name, benchmark, key, formula.unit, formula.better, combined, difference)
