"""Judges held against people's ratings of stored answers: `ratings sample` and `ratings show`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.llava_bench import LlavaBench
from benchmarks.mmhal_bench import MmhalBench
from benchmarks.mmvet import Mmvet
from harness.audit.human_ratings import judged_answers
from harness.core.evaluation import Item, Verdict
from harness.core.judging import Facts, JudgeTask
from harness.core.stats import metrics
from harness.labels.estimates.judge_calibration import drifts, readings
from harness.storage.run_store import Store
from tests.audit.test_rescore import keep


@dataclass
class Says:
    """A judge whose reply is the answer itself."""

    name: str = "chat"
    version: str = "1"

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        return Verdict(task.read(answer), "", answer, self.name, self.version)


def mmvet_items(*ids: str) -> list[Item]:
    return [Item(i, f"{i}.jpg", f"What is {i}?", {"answer": "x", "capability": ["ocr"]}) for i in ids]


def mmhal_items(*ids: str) -> list[Item]:
    truth: dict[str, Any] = {"question_type": "other", "image_content": [], "gt_answer": "A dog."}
    return [Item(i, f"{i}.jpg", f"What is {i}?", truth) for i in ids]


@pytest.mark.parametrize("variant", ["tolerant", "official"])
def test_the_judges_mean_is_the_score_of_the_report(store: Store, variant: str) -> None:
    """The official rule grades what it cannot read as 0, and the first word of "0.8 (not 1)" as 0.8."""
    said = {"a": "0.5", "b": "0.8 (not 1)", "c": "No grade.", "d": "Score: 0.9"}
    mmvet = Mmvet(Says(), variant)
    keep(store, "one", mmvet, {"name": "mmvet", "variant": variant}, mmvet_items(*said), said)
    (score, *_) = metrics(store.results("one")[0].items, store.results("one")[0].scores, mmvet.formulas)
    values = [one.value for one in judged_answers(store, [])]
    assert sum(values) / len(values) == pytest.approx(score.value)
    assert len(values) == {"tolerant": 2, "official": 4}[variant]


def test_what_the_official_parser_of_mmhal_reads_as_0_counts_as_0(store: Store) -> None:
    said = {"1": "Rating: 6", "2": "**Rating**: 6"}
    keep(store, "one", MmhalBench(Says(), "official"), {"name": "mmhal_bench"}, mmhal_items(*said), said)
    assert sorted(one.value for one in judged_answers(store, [])) == [0.0, 6.0]


def test_ratings_that_two_variants_made_of_one_judges_replies_are_never_one_judges(store: Store) -> None:
    said = {"1": "Rating: 6", "2": "Rating: 5", "3": "Rating: 2", "4": "Rating: 4", "5": "**Rating**: 5"}
    for variant in ("tolerant", "official"):  # the official one reads the last as 0
        spec = {"name": "mmhal_bench", "variant": variant}
        keep(store, variant, MmhalBench(Says(), variant), spec, mmhal_items(*said), said)
    keep(store, "other", MmhalBench(Says("other"), "tolerant"), spec | {"variant": "tolerant"}, mmhal_items(*said), said)
    found = judged_answers(store, [])
    assert {one.judge for one in found} == {f"{name}, variant {variant}" for name, variant in (
        ("chat 1", "tolerant"), ("chat 1", "official"), ("other 1", "tolerant"))}  # fmt: skip
    (drift,) = drifts(found)
    assert {drift.earlier, drift.later} == {"chat 1, variant tolerant", "other 1, variant tolerant"}
    assert (drift.change.value, drift.changed, drift.change.n, drift.ambiguous) == (0.0, 0.0, 5, 0)
    assert {name: set(rules) for name, rules in readings(found).items()} == {
        "mmhal_bench": {"variant tolerant", "variant official"}
    }


def test_a_judge_that_saw_both_orders_is_another_one(store: Store) -> None:
    said = {"1": "8 9"}
    truth = {"category": "conv", "context": "A dog.", "reference": "A dog."}
    items = [Item("1", "1.jpg", "What is it?", truth)]
    for swap in (False, True):
        spec = {"name": "llava_bench", "swap": swap}
        keep(store, f"swap {swap}", LlavaBench(Says(), swap=swap), spec, items, said)
    found = {one.judge: one.value for one in judged_answers(store, [])}
    assert found == {"chat 1, variant official": 9.0, "chat 1, both orders, variant official": 8.5}


GRADES = {"a": "0.1", "b": "0.2", "c": "0.9"}


def columns(store: Store, *runs: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in judged_answers(store, runs):
        found.setdefault(one.column, []).append(one.value)
    return found


def grade(store: Store, run: str, said: dict[str, str]) -> None:
    keep(store, run, Mmvet(Says()), {"name": "mmvet"}, mmvet_items(*said), said)


def test_a_run_that_shares_answers_with_an_earlier_one_is_kept_whole(store: Store) -> None:
    grade(store, "one", {i: GRADES[i] for i in "ab"})
    grade(store, "two", {i: GRADES[i] for i in "bc"})
    assert columns(store) == {"one: base": [0.1, 0.2], "two: base": [0.2, 0.9]}


@pytest.mark.parametrize("order", [["one", "two"], ["two", "one"]])
def test_a_run_whose_answers_are_all_in_another_is_left_out(store: Store, order: list[str]) -> None:
    grade(store, "one", {i: GRADES[i] for i in "ab"})
    grade(store, "two", GRADES)
    assert columns(store, *order) == {"two: base": [0.1, 0.2, 0.9]}


def test_of_two_runs_with_the_same_answers_the_first_is_shown(store: Store) -> None:
    grade(store, "one", GRADES)
    grade(store, "two", GRADES)
    assert columns(store) == {"one: base": [0.1, 0.2, 0.9]}


def test_two_results_of_one_benchmark_in_a_run_are_two_columns(store: Store) -> None:
    grade(store, "one", GRADES)
    said = {"a": "0.4", "d": "0.6"}
    result = replace(store.results("one")[0], benchmark="brief")
    keep(store, "other", Mmvet(Says()), {"name": "mmvet"}, mmvet_items(*said), said)
    other = store.results("other")[0]
    store.add_result("one", 1, replace(result, items=other.items, answer_keys=other.answer_keys, scores=other.scores))
    assert columns(store, "one") == {"one: base": [0.1, 0.2, 0.9], "one: base, brief": [0.4, 0.6]}
