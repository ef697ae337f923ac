"""Differences are over the items whose answers were judged on both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks._judged.mmhal import FORMULAS
from benchmarks._judged.unjudged import unjudged
from harness.core.evaluation import Answer, Item, Score
from harness.core.run_record import BenchmarkResult, ProtocolRecord, RunRecord
from reports.comparison.compare import compare
from reports.values.table import Cell

ITEMS = tuple(Item(str(i), f"{i}.jpg", "What is this?", {}) for i in range(40))


def rated(item: Item, rating: float) -> Score:
    addends = {"items": 1.0, "judged": 1.0, "score_sum": rating, "hallucinated": float(rating < 3), "informativeness": 0.5}
    return Score(item.id, addends)


def result(*scores: Score) -> BenchmarkResult:
    answers = tuple(Answer(item.id, "A dog.", 3, "end") for item in ITEMS)
    return BenchmarkResult("mmhal_bench", ProtocolRecord({"judge": "chat"}), ITEMS, answers, scores, FORMULAS)


# A checkpoint that answers each item one point better; the judge leaves out its low ratings, or those of the base.
BASE = [rated(item, i % 5) for i, item in enumerate(ITEMS)]
BETTER = [rated(item, i % 5 + 1) for i, item in enumerate(ITEMS)]


def without_low(scores: list[Score]) -> list[Score]:
    pairs = zip(ITEMS, scores, strict=True)
    return [unjudged(item, None, "rating") if s.values["score_sum"] < 3 else s for item, s in pairs]


def cells(make: Any, before: list[Score], after: list[Score]) -> dict[str, Cell]:
    record: RunRecord = make.record()
    base, aligned = record.sweeps
    sweeps = (replace(base, results=(result(*before),)), replace(aligned, results=(result(*after),)))
    rows = compare([replace(record, sweeps=sweeps)]).rows
    return {row.metric: row.cells[1] for row in rows if row.cells[1] is not None and not row.group}


@pytest.mark.parametrize(("before", "after", "counts"), [
    (BASE, without_low(BETTER), (24, 16)),
    (without_low(BASE), BETTER, (16, 24)),
    (without_low(BASE), without_low(BETTER), (16, 8)),
])  # fmt: skip
def test_a_difference_is_of_the_items_that_were_judged_on_both_sides(
    make: Any, before: list[Score], after: list[Score], counts: tuple[int, int]
) -> None:
    cell = cells(make, before, after)["score"]
    assert cell.difference is not None and cell.difference.value == pytest.approx(1.0)
    assert (cell.n_paired, cell.n_left_out) == counts


def test_the_share_of_judged_answers_is_compared_over_all(make: Any) -> None:
    cell = cells(make, BASE, without_low(BETTER))["judged"]
    assert cell.difference is not None and cell.difference.value == pytest.approx(24 / 40 - 1)
    assert (cell.n_paired, cell.n_left_out) == (40, 0)


def test_a_method_says_of_how_many_answers_it_is_that_all_its_seeds_have_a_verdict_on(make: Any) -> None:
    late = [unjudged(item, None, "rating") if i >= 38 else s for i, (item, s) in enumerate(zip(ITEMS, BETTER, strict=True))]
    records = []
    for seed, scores in ((0, without_low(BETTER)), (1, late)):
        record: RunRecord = make.record(f"dpo-seed{seed}", seed=seed)
        base, aligned = record.sweeps
        sweeps = (replace(base, results=(result(*BASE),)), replace(aligned, results=(result(*scores),)))
        records.append(replace(record, sweeps=sweeps))
    (row,) = [row for row in compare(records).short.rows if row.key == "score"]
    base_cell, method = row.cells
    assert method is not None and base_cell is not None and base_cell.n_answered == 0
    assert (method.n_answered, method.n_judged, method.n) == (40, 22, 22)  # 24 of the first seed, less the last two items
