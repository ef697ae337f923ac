"""What a report of the small study must hold: tables, seeds put together, flips, curves, calibration, confusion, ranks."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy import stats

from tests.proofs.whole_report import recompute as again
from tests.proofs.whole_report.recompute import OverSeeds, Part, Rule, Scored, Shift
from tests.proofs.whole_report.recompute_scores import Sweeps

Seeds = Mapping[str, Sequence[str]]  # method -> labels of its seeds


@dataclass(frozen=True)
class Cell:
    value: float
    low: float | None
    high: float | None
    n: int
    shift: Shift | None = None
    holm: float | None = None
    fdr: float | None = None
    significant: str = ""
    detectable: float | None = None
    joint: tuple[float, float] | None = None


def full_table(sweeps: Sweeps, rules: Sequence[Rule]) -> list[list[Cell]]:
    """Cells by metric and checkpoint, the first of which is the baseline."""
    made = []
    for rule in rules:
        sides = [sweep[rule.benchmark] for sweep in sweeps.values()]
        cells = []
        for i, rows in enumerate(sides):
            found = again.part(rule, rows)
            low, high = again.interval(found, again.reach_of_images(rule, rows))
            n = sum(again.moves(rule, row) for row in rows)
            cells.append(Cell(found.value, low, high, n, again.paired(rule, sides[0], rows) if i else None))
        made.append(cells)
    return corrected(made, rules)


def method_table(sweeps: Sweeps, rules: Sequence[Rule], seeds: Seeds) -> tuple[list[list[Cell]], list[list[tuple]]]:
    """The same with the seeds of a method in one column, and (metric, difference) over seeds of each method with several."""
    made, told = [], []
    base = next(iter(sweeps))
    for rule, whole in zip(rules, full_table({base: sweeps[base]}, rules), strict=True):
        cells, over = [whole[0]], []
        for labels in seeds.values():
            sides = [sweeps[label][rule.benchmark] for label in (base, *labels)]
            counted = {row.item for side in sides for row in side if again.moves(rule, row)}
            parts = [again.part(rule, side, counted) for side in sides]
            own = {row.item for side in sides[1:] for row in side if again.moves(rule, row)}
            metric = again.metric_over_seeds(rule, [again.part(rule, side, own) for side in sides[1:]], sides[1:])
            share = all(again.reach_of_images(rule, side) == (0.0, 1.0) for side in sides)
            shift = again.shift_over_seeds([own.minus(parts[0]) for own in parts[1:]], share, len(seeds))
            n = len({row.item for side in sides[1:] for row in side if again.moves(rule, row)})
            cells.append(Cell(metric.mean, metric.low, metric.high, n, _as_shift(shift), joint=shift.joint))
            over.append((metric, shift))
        made.append(cells)
        told.append(over)
    return corrected(made, rules), told


def _as_shift(over: OverSeeds) -> Shift:
    return Shift(over.mean, over.low, over.high, over.p, None, over.error, over.freedom)


def corrected(table: Sequence[Sequence[Cell]], rules: Sequence[Rule]) -> list[list[Cell]]:
    """Holm over the headline table, and over all other metrics apart; Benjamini and Hochberg over the latter."""
    made = [list(cells) for cells in table]
    for headline in (True, False):
        places = [(i, j) for i, rule in enumerate(rules) if rule.headline == headline for j in range(1, len(table[i]))]
        ps = [cell.shift.p if (cell := table[i][j]).shift else None for i, j in places]
        tests = sum(p is not None for p in ps)
        for (i, j), holm, fdr in zip(places, again.holm(ps), again.benjamini_hochberg(ps), strict=True):
            cell, shift = table[i][j], table[i][j].shift
            assert shift is not None
            made[i][j] = replace(cell, holm=holm, fdr=None if headline else fdr,
                                 significant=again.significant(shift, holm, rules[i].better),
                                 detectable=shift.detectable(tests, rules[i].unit == "share") if tests else None)  # fmt: skip
    return made


def order(sweeps: Sweeps, rule: Rule) -> set[tuple[int, int]]:
    """(better, worse) checkpoints, Holm over all pairs of one metric."""
    if rule.better == "neither":
        return set()
    sides = [sweep[rule.benchmark] for sweep in sweeps.values()]
    counted = {row.item for side in sides for row in side if again.moves(rule, row)}
    parts = [again.part(rule, side, counted) for side in sides]
    share = all(again.reach_of_images(rule, side) == (0.0, 1.0) for side in sides)
    pairs = list(combinations(range(len(sides)), 2))
    ps = [p_of(parts[i].minus(parts[j]), share) for i, j in pairs]
    found = set()
    for (i, j), p in zip(pairs, again.holm(ps), strict=True):
        if p is not None and p < 0.05:
            first = (parts[i].value > parts[j].value) == (rule.better == "higher")
            found.add((i, j) if first else (j, i))
    return found


def p_of(change: Part, share: bool) -> float | None:
    if abs(change.value) < 1e-12:
        return None if change.own < 5 else 1.0
    error = again.error_of(change, share)
    return None if change.own < 5 or not error > 0 else float(2 * stats.t.sf(abs(change.value) / error, change.own - 1))


def flips(before: Sequence[Scored], after: Sequence[Scored]) -> dict[str, list[str]]:
    pairs = list(zip(before, after, strict=True))
    return {
        "gained": [b.item for a, b in pairs if a.right is False and b.right],
        "lost": [b.item for a, b in pairs if a.right and b.right is False],
    }


def confusion(seeds: Sequence[Sequence[Scored]], split: str) -> dict[str, float]:
    """Mean counts over seeds."""
    return {
        cell: sum(row.adds.get(f"{split}/{cell}", 0.0) for rows in seeds for row in rows) / len(seeds)
        for cell in ("tp", "fp", "tn", "fn")
    }


def calibration(seeds: Sequence[Sequence[Scored]]) -> list[tuple[float, float, float, float | None, float | None]]:
    """(questions a seed, mean p, share of yes, its interval) of every bin that holds a question."""
    rows, made = [row for side in seeds for row in side], []
    for b in range(10):
        rule = Rule("", "yes", "", lambda s, b=b: s(f"p{b}/yes") / s(f"p{b}/n"), (f"p{b}/yes", f"p{b}/n"))
        own = [row for row in rows if row.adds.get(f"p{b}/n")]
        if own:
            found = again.part(rule, rows)
            bounds = again.reach_of_images(rule, rows)
            mean = sum(row.adds[f"p{b}/p"] for row in own) / len(own)
            made.append((len(own) / len(seeds), mean, found.value, *again.interval(found, bounds)))
    return made


def curve(rule: Rule, seeds: Sequence[Sequence[Scored]]) -> list[tuple[float, float, float, float]]:
    """(mean words, per cent, its interval) of four groups by length; equal lengths in order of the sha256 of their ids."""
    rows = [row for side in seeds for row in side]
    rows.sort(key=lambda row: (row.words, hashlib.sha256(row.item.encode()).hexdigest()))
    points = []
    for group in np.array_split(np.arange(len(rows)), 4):
        own = [rows[i] for i in group]
        found = again.part(rule, own)
        low, high = again.interval(found, again.reach_of_images(rule, own))
        if np.isfinite(found.value) and low is not None and high is not None:
            points.append((float(np.mean([r.words for r in own])), 100 * found.value, 100 * low, 100 * high))
    return points


def has_curve(seeds: Sequence[Sequence[Scored]]) -> bool:
    lengths = sorted(row.words for side in seeds for row in side)
    return len(lengths) >= 32 and lengths[len(lengths) // 2] > 3


def gained_and_lost(before: Sequence[Scored], after: Sequence[Scored]) -> tuple[int, int, int, int]:
    """Items gained and lost, and the rows that they stand for."""
    rows = Counter({row.item: row.rows for row in after})
    found = flips(before, after)
    return (*(len(found[k]) for k in ("gained", "lost")), *(sum(rows[i] for i in found[k]) for k in ("gained", "lost")))


def right_by_object(seeds: Sequence[Sequence[Scored]], asked: Mapping[str, str]) -> dict[str, Counter[str]]:
    """object -> tp, fp, tn, fn of the questions about it, all seeds together."""
    found: dict[str, Counter[str]] = {}
    for row in (row for side in seeds for row in side):
        cell = ("t" if row.right else "f") + ("p" if row.text == "yes" else "n")
        found.setdefault(asked[row.item], Counter())[cell] += 1
    return found
