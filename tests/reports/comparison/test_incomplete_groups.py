"""Differences of metrics over pairs, figures and groups are over those of which both sides answered all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from benchmarks._judged.unjudged import unjudged
from benchmarks._together.groups import all_right, share_incomplete, share_of_groups, sized, with_addends
from harness.config.gate_policy import parse_policy
from harness.core.errors import JudgeError
from harness.core.evaluation import Answer, Formula, Item, Score, ratio
from harness.core.run_record import BenchmarkResult, ProtocolRecord, RunRecord
from reports.comparison.compare import compare, gated
from reports.gate import words
from reports.page import tables
from reports.tables.results import samples_of
from reports.text.unpaired import unpaired
from reports.values.common import on_common_items
from reports.values.paired import pairs
from reports.values.table import Cell
from reports.writers import csv, html

PAIRS = 30
FORMULAS = (
    share_of_groups("pair_accuracy", "pair", headline=True),
    ratio("accuracy", ["right"], ["n"], headline=True),
    ratio("judged", ["n"], ["items"]),
    share_incomplete("pair"),
)
TRUTHS = sized([{"pair": str(n // 2)} for n in range(2 * PAIRS)])
ITEMS = tuple(Item(str(n), f"{n}.jpg", "?", {"groups": groups}, group=f"pair {n // 2}") for n, groups in enumerate(TRUTHS))
RIGHT = {str(n): n % 2 == 0 or n % 4 == 1 for n in range(2 * PAIRS)}  # the second half of every other pair is wrong
WRONG = [n // 2 for n in range(2 * PAIRS) if not RIGHT[str(n)]]


def together(items: Sequence[Item], scores: Sequence[Score]) -> list[Score]:
    return with_addends(scores, all_right(items, scores, "pair"))


def result(rights: Mapping[str, bool], without: Sequence[str] = (), open_: Sequence[str] = ()) -> BenchmarkResult:
    """`without`: items that are not answered; `open_`: those without a verdict."""
    items = [item for item in ITEMS if item.id not in without]
    scores = [
        unjudged(i, None, "yes")
        if i.id in open_
        else Score(i.id, {"items": 1.0, "n": 1.0, "right": float(rights[i.id])}, "", rights[i.id])
        for i in items
    ]
    answers = tuple(Answer(item.id, "A dog.", 3, "end") for item in items)
    scores = together(items, scores)
    return BenchmarkResult("mmvp", ProtocolRecord({}), ITEMS, answers, tuple(scores), FORMULAS, together=together)


def record_of(make: Any, *sides: BenchmarkResult, **about: Any) -> RunRecord:
    record: RunRecord = make.record(**about)
    sweeps = [replace(sweep, results=(side,)) for sweep, side in zip(record.sweeps, sides, strict=True)]
    return replace(record, sweeps=tuple(sweeps))


def cells(record: RunRecord) -> dict[str, Cell]:
    return {row.metric: cell for row in compare([record]).rows if (cell := row.cells[1]) is not None}


HALVES = {"first": [str(2 * n) for n in WRONG[:8]], "second": [str(2 * n + 1) for n in WRONG[:8]]}


@pytest.mark.parametrize("gone", ["without", "open_"])
@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("side", [0, 1])
def test_a_pair_of_which_one_side_lacks_a_half_counts_on_neither(make: Any, side: int, half: str, gone: str) -> None:
    sides = [result(RIGHT), result(RIGHT)]
    sides[side] = result(RIGHT, **{gone: HALVES[half]})
    found = cells(record_of(make, *sides))
    cell = found["pair_accuracy"]
    assert cell.difference is not None and (cell.difference.value, cell.difference.p) == (0.0, 1.0)
    assert (cell.n_paired, cell.n_left_out, cell.n_groups_left_out) == (PAIRS - 8, 0, 8)
    assert (found["accuracy"].n_left_out, found["accuracy"].n_groups_left_out) == (8, 0)
    assert found["accuracy"].difference.value == 0.0  # type: ignore[union-attr]


def test_the_values_beside_the_difference_stay_those_of_each_side(make: Any) -> None:
    cell = cells(record_of(make, result(RIGHT), result(RIGHT, HALVES["first"])))["pair_accuracy"]
    assert cell.value == pytest.approx(15 / 22)


@pytest.mark.parametrize("half", HALVES)
def test_pairs_without_a_verdict_are_still_a_difference_of_the_share_of_incomplete_ones(make: Any, half: str) -> None:
    cell = cells(record_of(make, result(RIGHT), result(RIGHT, open_=HALVES[half])))["incomplete_pairs"]
    assert cell.difference is not None and cell.difference.value == pytest.approx(8 / PAIRS)


def test_a_difference_of_other_answers_is_over_the_whole_pairs(make: Any) -> None:
    better = {**RIGHT, "3": True, "7": True, "11": True}  # one of these three pairs is not whole
    cell = cells(record_of(make, result(RIGHT), result(better, ["10"])))["pair_accuracy"]
    assert cell.difference is not None and cell.difference.value == pytest.approx(2 / (PAIRS - 1))


def test_where_no_pair_is_whole_on_both_sides_there_is_no_difference(make: Any) -> None:
    halves = [result(RIGHT, [str(2 * n) for n in range(15)]), result(RIGHT, [str(2 * n) for n in range(15, PAIRS)])]
    record = record_of(make, *halves)
    cell = cells(record)["pair_accuracy"]
    assert cell.difference is not None and cell.difference.value is None
    assert (cell.n_paired, cell.n_groups_left_out) == (0, PAIRS)


def asks_its_judge(items: Sequence[Item], scores: Sequence[Score]) -> list[Score]:
    raise JudgeError("Stored scores are not judged again by a report.")


@pytest.mark.parametrize("told", [None, asks_its_judge])
def test_groups_are_not_counted_where_their_benchmark_does_not_tell_them(make: Any, told: Any) -> None:
    """Rather than a difference of groups that one side does not have."""
    untold = replace(result(RIGHT, HALVES["first"]), together=told)
    cell = cells(record_of(make, result(RIGHT), untold))["pair_accuracy"]
    assert cell.difference is not None and cell.difference.value is None


def test_complete_sides_are_compared_as_they_are() -> None:
    other = replace(result(RIGHT), together=None)  # not asked
    sides = list(zip((other, other), samples_of([other, other]), strict=True))
    assert all(one is own for one, (_, own) in zip(on_common_items(sides).samples, sides, strict=True))  # type: ignore[arg-type]
    assert pairs(sides).judged.counts(FORMULAS[0]) == (PAIRS, 0, 0)  # type: ignore[arg-type]


def test_seeds_of_a_method_are_put_together_over_pairs_that_all_have(make: Any) -> None:
    seeds = [
        record_of(make, result(RIGHT), result(RIGHT, HALVES["first"] if n == 1 else ()), name="dpo", seed=n) for n in (1, 2)
    ]
    (row,) = [row for row in compare(seeds).short.rows if row.metric == "pair_accuracy"]
    base, method = row.cells
    assert base is not None and method is not None and method.difference is not None
    assert (method.value, method.difference.value) == (pytest.approx(15 / 22), 0.0)
    assert (method.n_paired, method.n_left_out, method.n_groups_left_out) == (PAIRS - 8, 8, 8)


def test_wordings_are_put_together_over_pairs_that_all_have(make: Any) -> None:
    def worded(*sides: BenchmarkResult) -> tuple[BenchmarkResult, ...]:
        return tuple(replace(side, benchmark=f"mmvp-wording{n}") for n, side in enumerate(sides, start=1))

    record: RunRecord = make.record()
    asked = [worded(result(RIGHT), result(RIGHT)), worded(result(RIGHT), result(RIGHT, HALVES["first"]))]
    sweeps = tuple(replace(sweep, results=own) for sweep, own in zip(record.sweeps, asked, strict=True))
    (row,) = [r for r in compare([replace(record, sweeps=sweeps)]).rows if (r.benchmark, r.metric) == ("mmvp", "pair_accuracy")]
    assert row.cells[1] is not None and row.cells[1].difference is not None
    assert (row.cells[1].difference.value, row.cells[1].n_groups_left_out) == (0.0, 8)


def test_a_gate_tests_the_pairs_that_both_sides_have(make: Any) -> None:
    record = record_of(make, result(RIGHT), result(RIGHT, HALVES["first"]))
    gate = gated([record], parse_policy({"name": "p", "rules": [{"metric": "mmvp.pair_accuracy", "role": "improve"}]}))
    (rule,) = gate.checkpoints[0].rules
    assert (rule.value, rule.items, rule.left_out, rule.groups_left_out) == (0.0, PAIRS - 8, 0, 8)
    assert "(MMVP: 22 items, 8 incomplete groups left out)" in " ".join(words.notes(gate.checkpoints[0]))


def test_a_report_says_how_many_items_and_groups_are_left_out(make: Any) -> None:
    comparison = compare([record_of(make, result(RIGHT), result(RIGHT, HALVES["first"]))])
    assert unpaired(comparison.short) == "MMVP with aligned: 52 items, 8 and 8 incomplete groups left out"
    assert comparison.subtitle[1].startswith("data") and comparison.subtitle[2] == "MMVP 60 items"
    assert "8 groups of items without all answers of one side, left out of the difference" in html.write(comparison)
    assert [line["n_groups_left_out"] for line in csv.rows_of(comparison)][:4] == [0, 8, 0, 0]


def test_n_beside_p_is_that_of_the_test(make: Any) -> None:
    """Of 22 and 30 pairs, and 52 and 60 items: not the second side's own number."""
    comparison = compare([record_of(make, result(RIGHT, HALVES["first"]), result(RIGHT))])
    assert [cell.n for cell in comparison.short.headline[0].cells if cell] == [22, 30]
    assert [row.cells[1].n for row in tables.table(comparison.short.headline)] == [22, 52]
    assert comparison.subtitle[2] == "MMVP 52 of 60 items"


MEAN = Formula("mean", lambda s: sum(f.compute(s) for f in FORMULAS[:2]) / 2, headline=True, parts=FORMULAS[:2])


@pytest.mark.parametrize(("whole", "enough"), [(4, False), (8, False), (9, True)])
@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_a_mean_of_metrics_has_an_interval_and_a_test_where_each_of_them_has(
    make: Any, whole: int, enough: bool, seeds: tuple[int, ...]
) -> None:
    """Both halves of a few pairs, and a half of the others: beside the accuracy's 30 images 1.6 root 30, 8.8, are needed."""
    halves = [str(2 * n + 1) for n in range(whole, PAIRS)]
    sides = [replace(result(rights, halves), formulas=(MEAN,)) for rights in (RIGHT, {**RIGHT, "3": True})]
    record = record_of(make, *sides)
    comparison = compare([record_of(make, *sides, name="dpo", seed=n) for n in seeds])
    (row,) = comparison.short.rows
    cell = row.cells[-1]
    assert (
        cell is not None
        and cell.difference is not None
        and cell.difference.value == pytest.approx((1 / whole + 1 / 34) / 2, rel=0.1)
    )
    assert (cell.low is not None, cell.difference.p is not None) == (enough, enough)
    reason = f"fewer than 9 groups of images count in pair_accuracy ({whole})"
    assert cell.why == ("" if enough else f"no interval: {reason}")
    gate = gated([record], parse_policy({"name": "p", "rules": [{"metric": "mmvp.mean", "role": "improve"}]}))
    assert (reason in gate.checkpoints[0].rules[0].why) == (not enough)
