"""VL-RewardBench's scoring of judges, by the official cal.py."""

from __future__ import annotations

import pytest

from harness.labels.estimates.judge_fitness import Fitness, Judgement, fitness, judgement, majority, stated_number
from tests.benchmarks.scoring import golden, golden_lines

PAIRS = {row["id"]: row["human_ranking"] == [0, 1] for row in golden_lines("vl_rewardbench/questions.jsonl")}
ROWS = golden_lines("vl_rewardbench/judge_replies.jsonl")


def judged(row: dict) -> Judgement:
    return judgement(stated_number(row["judge_reply"]), PAIRS[row["id"]], bool(row["random_number"]))


def by_pair(rows: list[dict]) -> dict[str, list[Judgement]]:
    found: dict[str, list[Judgement]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(judged(row))
    return found


def printed(found: Fitness) -> dict[str, float]:
    named = {**found.groups, "overall": found.overall, "macro": found.macro}
    return {name: round(100 * share, 2) for name, share in named.items() if share is not None}


def test_every_reply_and_every_pair_is_read_as_the_official_script_reads_it() -> None:
    assert [judged(row).word for row in ROWS] == [
        row["official"] for row in golden_lines("vl_rewardbench/expected_replies.jsonl")
    ]
    pairs = by_pair(ROWS)
    expected = golden_lines("vl_rewardbench/expected_items.jsonl")
    assert {pair: majority([one.word for one in own]) for pair, own in pairs.items()} == {
        row["id"]: row["classify"] for row in expected
    }


@pytest.mark.parametrize(("repeats", "name"), [(3, "majority_of_3"), (1, "first_repeat_only")])
def test_the_printed_numbers_are_the_official_ones(repeats: int, name: str) -> None:
    rows = [row for row in ROWS if row["repeat"] < repeats]
    assert printed(fitness(by_pair(rows))) == golden("vl_rewardbench/expected_metrics.json")[name]["printed"]


@pytest.mark.parametrize("case", golden("vl_rewardbench/degenerate.json"), ids=lambda case: case["name"])
def test_a_degenerate_judge_has_the_official_numbers_or_unknown_ones(case: dict) -> None:
    rows = zip(case["ids"], case["random_numbers"], case["judge_replies"], strict=True)
    found = fitness(by_pair([{"id": i, "random_number": order, "judge_reply": reply} for i, order, reply in rows]))
    assert printed(found) == case["printed"] if case["printed"] else None in (found.macro, found.overall)


def test_a_judge_that_likes_the_first_place_decides_nothing_in_both_orders() -> None:
    pairs = {name: [judgement(1, first, swapped) for swapped in (False, True)] for name, first in PAIRS.items()}
    found = fitness(pairs)
    assert found.overall is None and found.undecided == 1.0 and found.consistent == 0.0


def test_pairs_that_were_judged_in_one_order_say_nothing_of_both() -> None:
    one_order = {name: [judgement(1, first, False)] * 3 for name, first in PAIRS.items()}
    assert fitness(one_order).consistent is None
    both = {"RLHF-1": [judgement(1 + swapped, True, swapped) for swapped in (False, True)]}
    assert fitness(one_order | both).consistent == 1.0
