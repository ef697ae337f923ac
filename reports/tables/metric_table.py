"""The table: every metric of every column, with its interval, its difference to the baseline and whether that is significant.

Holm's correction runs over the headline metrics of the whole table (all columns), and over all other metrics apart:
a reader of the short table should not pay for eighty slices that stand in the appendix. For those, which are searched and not
decided on, p is also adjusted for the false discovery rate. Columns that are one checkpoint under two names count once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.core.evaluation import Formula, Metric
from harness.core.flags import UNJUDGED
from harness.core.run_record import BenchmarkResult, SweepResult
from harness.core.stats import Sample, benjamini_hochberg, holm, measure
from reports.tables.methods import Method, Together, short_columns
from reports.tables.order import comparable, significantly_better, together, with_joint_intervals
from reports.tables.results import Results, benchmark_names, results_of, samples_of
from reports.tables.same_weights import Repeats, repeats
from reports.values.common_items import why_of_seeds
from reports.values.comparison import SeedRow
from reports.values.judge_noise import with_judge_noise
from reports.values.measures import measures, own_measures
from reports.values.paired import Difference, differences, pairs, width_of
from reports.values.table import Cell, Column, Row, Significance, Table, members
from reports.values.wordings import Wordings, wording_groups

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Tables:
    """The table of all columns, the one with each method's seeds as one column, and what the seeds tell in full.

    repeats: by benchmark as it was asked, the columns of the short table that repeat an earlier one.
    """

    full: Table
    short: Table
    seeds: tuple[SeedRow, ...]
    repeats: Mapping[str, Repeats]


def make_tables(columns: Sequence[Column], sweeps: Sequence[SweepResult], found: Sequence[Method]) -> Tables:
    """The tables of all sweeps, whose methods are `found`."""
    full: list[Row] = []
    short: list[Row] = []
    seeds: list[SeedRow] = []
    names = short_columns(columns, found)
    base = next((method for method in found if 0 in method.places), Method("", (0,), ("",)))
    groups = wording_groups(benchmark_names(sweeps)) if len(base.places) == 1 else {}
    asked = {**{name: [name] for name in benchmark_names(sweeps)}, **groups}
    again = _repeats(columns, sweeps, columns, asked)
    again_short = _repeats(columns, sweeps, names, asked) if found else again
    for benchmark in benchmark_names(sweeps):
        whole = next((name for name, wordings in groups.items() if benchmark in wordings), "")
        if whole and benchmark == groups[whole][0]:
            full += _worded(whole, groups[whole], columns, sweeps, columns)
            short += _worded(whole, groups[whole], columns, sweeps, names)
        results = results_of(sweeps, benchmark)
        samples = samples_of(results)
        rows = _rows_of(benchmark, results, samples, again[benchmark])
        single = [] if len(base.places) == 1 else [Method("", (i,), ("",)) for i, c in enumerate(columns) if c in names]
        tests = max(1, len(names) - 1 - len(again_short[benchmark]))
        seeded = {method.places: Together(base, method, results, samples, tests) for method in (*found, *single)}
        rows = [(replace(row, headline=row.headline and not whole), formula) for row, formula in rows]
        full += [row for row, _ in rows]
        for row, formula in rows:
            cells, seed_rows = _short_cells(row, formula, columns, names, seeded)
            short.append(replace(row, cells=cells, order=()) if found else row)
            seeds += seed_rows
    full_rows = _corrected(_with_headline(full), again)
    short_rows = _corrected(_with_headline(short), again_short) if found else full_rows
    repeated = {name: again_short[name] for name in benchmark_names(sweeps)}
    return Tables(Table(tuple(columns), full_rows), Table(names, short_rows), tuple(seeds), repeated)


def _repeats(
    columns: Sequence[Column], sweeps: Sequence[SweepResult], shown: Sequence[Column], asked: Mapping[str, Sequence[str]]
) -> dict[str, Repeats]:
    """The `shown` columns that repeat another one, by benchmark; `asked`: its wordings."""
    places = [own for _, own in members(columns, shown)]
    return {name: repeats(sweeps, places, wordings) for name, wordings in asked.items()}


def _worded(
    name: str, wordings: Sequence[str], columns: Sequence[Column], sweeps: Sequence[SweepResult], short: Sequence[Column]
) -> list[Row]:
    """The rows, over the `short` columns, of a benchmark that was asked in several wordings, all wordings put together."""
    places = [own for _, own in members(columns, short)]
    labels = [column.label for column in columns]
    results = [results_of(sweeps, wording) for wording in wordings]
    samples = iter(samples_of([result for column in results for result in column]))
    together = Wordings(labels, results, [[next(samples) for _ in column] for column in results], len(places) - 1)
    formulas = measures(result for column in results for result in column)
    return [
        Row(name, f.name, f.group, f.better, f.unit, f.headline, f.about, f.role,
            tuple(together.cell(f, own) for own in places), f.title, f.published_as, bounds=f.bounds)
        for f in formulas.values()
    ]  # fmt: skip


def _with_headline(rows: list[Row]) -> list[Row]:
    if any(row.headline for row in rows):
        return rows
    return [replace(row, headline=True) for row in rows]  # a third-party benchmark that marks none


def _short_cells(
    row: Row, formula: Formula, columns: Sequence[Column], names: Sequence[Column], together: Mapping[tuple[int, ...], Together]
) -> tuple[tuple[Cell | None, ...], list[SeedRow]]:
    place = {column.label: i for i, column in enumerate(columns)}
    cells: list[Cell | None] = []
    seed_rows: list[SeedRow] = []
    for column in names:
        side = together.get(column.places or (place[column.label],))
        if side is None:  # a single checkpoint beside a single baseline
            cells.append(row.cells[place[column.label]])
            continue
        metric, shift = side.seeds(formula)
        if column.places:
            own = {columns[i].label: row.cells[i] for i in column.places}
            cells.append(side.cell(formula, metric, shift, _why(own)) if any(own.values()) else None)
        else:  # a single checkpoint, compared with all seeds of the baseline in place of the first
            cell = row.cells[place[column.label]]
            cells.append(side.compared(cell, formula, shift) if cell else None)
        if metric:
            seed_rows.append(SeedRow(column.label, row.benchmark, row.key, row.unit, row.better, row.headline, metric, shift))
    return tuple(cells), seed_rows


def _why(seeds: Mapping[str, Cell | None]) -> str:
    """Why a method's metric is unknown: what its seeds lack."""
    return why_of_seeds((label, cell.why if cell else "") for label, cell in seeds.items() if not cell or cell.value is None)


def _rows_of(benchmark: str, results: Results, samples: Sequence[Sample | None], again: Repeats) -> list[tuple[Row, Formula]]:
    formulas = measures(results)
    sides = [(r and replace(r, formulas=tuple(own_measures(r, formulas))), s) for r, s in zip(results, samples, strict=True)]
    columns = [_cells(*sides[0], *side, i == 0) for i, side in enumerate(sides)]
    rows, alike = [], comparable(results, samples)
    for key, f in formulas.items():
        both = together(f, alike)
        width = width_of(f, *(s for _, s in alike))
        order = significantly_better(f, both, width, again)
        cells = with_joint_intervals([c.get(key) for c in columns], both, width, again)
        about = (f.name, f.group, f.better, f.unit, f.headline, f.about, f.role)
        rows.append((Row(benchmark, *about, cells, f.title, f.published_as, order, f.bounds), f))
    return rows


def _cells(
    base: BenchmarkResult | None, old: Sample | None, result: BenchmarkResult | None, new: Sample | None, is_base: bool
) -> dict[tuple[str, str], Cell]:
    if result is None or new is None:
        return {}
    unjudged = sum(score.flag == UNJUDGED for score in result.scores)
    counts = (len(result.scores), len(result.scores) - unjudged) if unjudged else (0, 0)
    measured = with_judge_noise(measure(new, result.formulas, result.units), result, new).values()
    cells = {(m.name, m.group): _cell(m, *counts) for m in measured}
    if base is None or old is None or is_base:
        return cells
    known = {(f.name, f.group) for f in base.formulas}
    shared = [f for f in result.formulas if (f.name, f.group) in known]
    matched = pairs([(base, old), (result, new)])
    whole = [f for f in shared if matched.of(f) is not matched.judged]
    for both, formulas in ((matched.judged, [f for f in shared if f not in whole]), (matched.all, whole)):
        found = differences(both.before, both.after, formulas, result.units) if len(both.before) else [None] * len(formulas)
        for formula, difference in zip(formulas, found, strict=True):
            key, (n, items, groups) = (formula.name, formula.group), both.counts(formula)
            cell = replace(cells[key], difference=difference, n_paired=n)
            cells[key] = replace(cell, n_left_out=items, n_groups_left_out=groups)
    return cells


def _cell(metric: Metric, answered: int, judged: int) -> Cell:
    return Cell(metric.value, metric.low, metric.high, metric.n, metric.why, n_answered=answered, n_judged=judged)


def _corrected(rows: list[Row], again: Mapping[str, Repeats]) -> tuple[Row, ...]:
    """The rows with corrected p. `again`: by benchmark, the columns that repeat another one, whose tests are the other's."""
    corrected: dict[tuple[int, int], float | None] = {}
    explored: dict[tuple[int, int], float | None] = {}
    tests: dict[bool, int] = {}
    of = {(i, j): (i, _tested_as(row, j, again)) for i, row in enumerate(rows) for j in range(len(row.cells))}
    for headline in (True, False):
        places = [place for place, own in of.items() if place == own and rows[place[0]].headline == headline]
        ps = [d.p if (d := _difference(rows[i].cells[j])) else None for i, j in places]
        corrected |= dict(zip(places, holm(ps), strict=True))
        explored |= {} if headline else dict(zip(places, benjamini_hochberg(ps), strict=True))
        tests[headline] = sum(p is not None for p in ps)
    return tuple(
        replace(row, cells=tuple(_judged(_untested(c) if j and not of[i, j][1] else c, corrected[of[i, j]],
                                         tests[row.headline], row, explored.get(of[i, j]))
                                 for j, c in enumerate(row.cells)))
        for i, row in enumerate(rows)
    )  # fmt: skip


def _tested_as(row: Row, column: int, again: Mapping[str, Repeats]) -> int:
    """The column whose test against the baseline is this one's: its own, or that of the same checkpoint under another name."""
    first = again[row.benchmark].get(column, column)
    own, its = _difference(row.cells[column]), _difference(row.cells[first])
    return first if not first or (own and its and own.p == its.p) else column


def _untested(cell: Cell | None) -> Cell | None:
    """A cell of the baseline's own checkpoint: its difference is 0, and no test tells more."""
    moved = _difference(cell)
    if cell is None or moved is None:
        return cell
    return replace(cell, difference=replace(moved, low=None, high=None, p=None, effect=None, error=None))


def _difference(cell: Cell | None) -> Difference | None:
    return cell.difference if cell else None


def _judged(cell: Cell | None, p_holm: float | None, tests: int, row: Row, p_fdr: float | None) -> Cell | None:
    if cell is None:
        return None
    detectable = cell.difference.detectable(ALPHA / tests) if cell.difference and tests else None
    if detectable is not None and row.unit == "share" and detectable > row.widest:
        detectable = math.inf
    significant = significance(cell.difference, p_holm, row.better)
    return replace(cell, p_holm=p_holm, p_fdr=p_fdr, detectable=detectable, significant=significant)


def significance(difference: Difference | None, p_holm: float | None, better: str) -> Significance:
    """Significant only where the corrected p is below 0.05 and the interval leaves 0 out."""
    if difference is None or difference.value is None or p_holm is None or p_holm >= ALPHA:
        return ""
    low, high = difference.low, difference.high
    if low is None or high is None or low <= 0 <= high:
        return ""
    if better == "neither":
        return "changed"
    return "better" if (difference.value > 0) == (better == "higher") else "worse"
