"""A total over parts has an interval and a test where each of its parts has images enough on the items that count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.config.gate_policy import parse_policy
from harness.core import registry
from harness.core.evaluation import Answer, Formula, Item, Score, ratio
from harness.core.run_record import BenchmarkResult, ProtocolRecord, RunRecord, SweepResult
from harness.core.stats import few_clusters, measure, sample
from reports.comparison.compare import compare, gated
from reports.gate.anytime import Anytime
from reports.gate.decide import gate
from reports.tables.metric_table import make_tables
from reports.text.plain_table import warnings
from reports.values.table import Cell, Column
from reports.writers import csv
from tests.reports.comparison.answered import answered
from tests.reports.comparison.test_incomplete_groups import record_of
from tests.reports.questions.test_not_tested import with_results
from tests.reports.questions.test_questions import study

PARTS = tuple(ratio("score", [f"{task}/right"], [f"{task}/n"], group=task) for task in ("posters", "ocr"))
TOTAL = Formula("total", lambda s: sum(p.compute(s) for p in PARTS), unit="points", headline=True, bounds=(0, 2), parts=PARTS)
ITEMS = tuple(Item(f"{task} {n}", f"{task}{n}.jpg", "?", {}) for task in ("posters", "ocr") for n in range(20))
OCR = [f"ocr {n}" for n in range(20)]


def result(wrong: Sequence[str] = (), without: Sequence[str] = ()) -> BenchmarkResult:
    items = [item for item in ITEMS if item.id not in without]
    scores = []
    for item in items:
        task = item.id.partition(" ")[0]
        scores.append(Score(item.id, {f"{task}/n": 1.0, f"{task}/right": float(item.id not in wrong)}))
    answers = tuple(Answer(item.id, "yes", 1, "end") for item in items)
    return BenchmarkResult("mme", ProtocolRecord({}), ITEMS, answers, tuple(scores), (TOTAL, *PARTS))


WRONG = ("posters 0", "posters 1", "posters 2", "ocr 1", "ocr 2")  # 17 of 20, and of the first k of OCR all but two
REASON = "fewer than 8 images count in ocr (4)"  # beside 20: 1.6 times root 20, 7.2


def total(record: RunRecord | list[RunRecord], column: int = 1) -> Cell:
    found = compare(record if isinstance(record, list) else [record]).short
    (cell,) = (row.cells[column] for row in found.rows if row.metric == "total")
    assert cell is not None
    return cell


@pytest.mark.parametrize(("left", "enough"), [(1, False), (7, False), (8, True)])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_a_part_with_few_common_images_leaves_the_total_a_value_alone(
    make: Any, left: int, enough: bool, side: int, seeds: tuple[int, ...]
) -> None:
    sides = [result(without=OCR[left:] if side == 0 else []), result(WRONG, OCR[left:] if side == 1 else [])]
    cell = total([record_of(make, *sides, name="dpo", seed=n) for n in seeds])
    assert cell.difference is not None
    lost = 3 / 20 + sum(n < left for n in (1, 2)) / left  # on the items of both
    assert cell.difference.value == pytest.approx(-lost)
    assert (cell.difference.p is not None, cell.difference.low is not None, cell.detectable is not None) == (enough,) * 3
    assert cell.difference.why == ("" if enough else REASON.replace("(4)", f"({left})"))
    assert cell.significant == "" or enough


@pytest.mark.parametrize(("left", "enough"), [(4, False), (8, True)])
def test_the_total_itself_has_no_interval_and_names_the_part(make: Any, left: int, enough: bool) -> None:
    cell = total(record_of(make, result(), result(WRONG, OCR[left:])))
    assert cell.value == pytest.approx(17 / 20 + (left - 2) / left) and (cell.low is not None) == enough
    assert cell.why == ("" if enough else f"no interval: {REASON}")


@pytest.mark.parametrize(
    ("images", "needed"),
    [
        ((2, 2, 2), None),  # small, but no smaller than the others
        ((1, 5, 5), 3),  # half of 5
        ((2, 5, 5), 3),
        ((3, 5, 5), None),
        ((1, 1, 4), 2),  # one has no scatter: two at least
        ((4, 10, 10), 5),
        ((5, 10, 10), None),
        ((7, 25, 25), 8),  # 1.6 times root 25
        ((8, 25, 25), None),
        ((17, 125, 125), 18),  # 1.6 times root 125: 17.9
        ((18, 125, 125), None),
    ],
)
def test_a_part_needs_two_images_and_half_as_many_as_the_others_or_1_6_times_their_root(
    images: tuple[int, ...], needed: int | None
) -> None:
    names = "abc"
    parts = tuple(ratio("score", [f"{name}/right"], [f"{name}/n"], group=name) for name in names)
    mean = Formula("mean", lambda s: sum(part.compute(s) for part in parts) / 3, parts=parts)
    places = [(name, n) for name, many in zip(names, images, strict=True) for n in range(many)]
    scores = [Score(f"{part} {n}", {f"{part}/n": 1.0, f"{part}/right": float(n % 2)}) for part, n in places]
    data = sample(range(len(scores)), scores)
    few = [part for part in few_clusters(mean, data) if part.name == "a"]
    assert few == ([] if needed is None else [("a", images[0], needed)])
    (found,) = measure(data, [mean])
    assert (found.low is None) == (needed is not None)


def halves(make: Any) -> RunRecord:
    """12 images of OCR on each side, of which 4 on both."""
    return record_of(make, result(without=OCR[12:]), result(WRONG, OCR[:8]))


@pytest.mark.parametrize("writer", ["html", "markdown", "latex"])
def test_every_form_says_why_a_difference_of_two_intervals_has_no_test(make: Any, writer: str) -> None:
    comparison = compare([halves(make)])
    cell = total(halves(make))
    assert cell.low is not None and cell.difference is not None and cell.difference.p is None
    assert REASON in registry.get("report", writer)(comparison)
    said = (
        f"The difference in MME total of aligned has no interval and no test: of the items that both sides answered, {REASON}."
    )
    assert said in warnings(comparison)
    assert csv.rows_of(comparison)[1]["difference_why"] == REASON


def test_no_rank_and_no_joint_interval_rests_on_it(make: Any) -> None:
    """Two arms and the base on the same items, 4 of OCR: 20 of 20 against 8 of 20."""
    bad = [f"posters {n}" for n in range(12)]
    for left, enough in ((4, False), (8, True)):
        sides = [result(without=OCR[left:]), result(bad, OCR[left:])]
        records = [record_of(make, *sides, name=name) for name in ("dpo", "ipo")]
        records[1] = with_results(records[1], lambda i, s: [result([*bad, "ocr 0"] if i else [], OCR[left:])])
        (row,) = (row for row in compare(records).rows if row.metric == "total")
        assert bool(row.order) == enough and (row.cells[1].joint is not None) == enough


def test_a_gate_names_the_part(make: Any) -> None:
    policy = parse_policy({"name": "p", "rules": [{"metric": "mme.total", "role": "improve"}]})
    for left in (1, 4):
        found = gated([record_of(make, result(), result(WRONG, OCR[left:]))], policy)
        assert REASON.replace("(4)", f"({left})") in found.checkpoints[0].rules[0].why


def test_a_gate_that_has_decided_keeps_its_verdict_where_a_later_look_has_too_few_images_of_a_part(make: Any) -> None:
    policy = parse_policy({"name": "p", "rules": [{"metric": "mme.total", "role": "improve"}]})
    wrong, anytime, verdicts = [item.id for n, item in enumerate(ITEMS) if n % 8], Anytime({"mme": len(ITEMS)}, 0.05, 1), []
    for without in ([], OCR[4:]):
        asked = tuple(item for item in ITEMS if item.id not in without)
        look = record_of(make, *(replace(result(worse, without), items=asked) for worse in (wrong, [])))
        (rule,) = gate(policy, compare([look]).columns, look.sweeps, anytime=anytime).checkpoints[0].rules
        verdicts.append((rule.verdict, rule.why))
    assert verdicts[0][0] == "pass" and verdicts[1][0] == "pass"
    assert verdicts[1][1].startswith("decided by fewer images; now") and REASON in verdicts[1][1]


def test_a_direct_test_is_not_made_and_its_reason_given(make: Any) -> None:
    some = make.Habits(0.34, 0.72, 0.30, 18)
    arms = study(make, [("small", some, {"pairs.limit": 80}), ("full", some, {})])
    few = [with_results(arm, lambda i, s, n=n: [result(WRONG[: i * n], OCR[4:])]) for n, arm in enumerate(arms, 2)]
    (question,) = compare(few).questions
    assert question.not_tested == (f"800 against 80 on mme: MME total has no test: {REASON}",)
    assert [test.difference.p for test in question.tests] == [None]


def pope(splits: Sequence[str], wrong: int) -> SweepResult:
    """12 questions of each split about images of their own; the first `wrong` of each are answered wrongly."""
    rows = [
        (
            f"Is there a dog? {split} {n}",
            {"labels": {split: ["yes" if n % 2 else "no"]}},
            "yes" if (n % 2 == 0) == (n < wrong) else "no",
        )
        for split in ("random", "popular")
        for n in range(12)
    ]
    return answered("pope", [row for row in rows if set(row[1]["labels"]) <= set(splits)], {"splits": list(splits)})


def test_a_mean_over_splits_is_of_all_of_them_whichever_run_comes_first() -> None:
    both, one = pope(["random", "popular"], 3), pope(["random"], 6)
    columns = [Column(name, name, name, "", name, "", True, i == 0) for i, name in enumerate(("a", "b"))]
    seen = {}
    for order in ((both, one), (one, both)):
        table = make_tables(columns, order, []).full
        (row,) = (row for row in table.rows if row.key == "accuracy")
        (slice_,) = (row for row in table.rows if row.key == "accuracy[random]")
        values = [cell.value for cell in row.cells]
        seen[order[0] is both] = sorted(values, key=str), row.about, abs(slice_.cells[1].difference.value)
        assert row.cells[1].difference is None or row.cells[1].difference.value is None
    assert seen[True] == seen[False] == ([0.75, None], "mean over the splits random, popular", 0.25)


def test_means_over_one_split_each_are_two_measures() -> None:
    columns = [Column(name, name, name, "", name, "", True, i == 0) for i, name in enumerate(("a", "b"))]
    table = make_tables(columns, (pope(["random"], 3), pope(["popular"], 6)), []).full
    (row,) = (row for row in table.rows if row.key == "accuracy")
    values = [(cell.value, cell.why) for cell in row.cells if cell]
    assert row.about == "mean over the splits random" and values == [(0.75, ""), (None, "no answers (random)")]
