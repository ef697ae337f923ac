"""Sides that lack answers at random: every difference is that of the items that both answered, scored from the start."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

import pytest

from benchmarks._hallusion.causes import LANGUAGE, MIXED, UNKNOWN, VISUAL
from benchmarks._hallusion.tasks import SAME, TASK
from benchmarks._together.groups import PREFIX
from benchmarks.choice.mmvp import Mmvp
from benchmarks.choice.naturalbench import NaturalBench
from benchmarks.yes_no.beaf import Beaf
from benchmarks.yes_no.hallusionbench import HallusionBench
from benchmarks.yes_no.mme import Mme
from harness.core.evaluation import Answer, Item
from harness.core.judging import NoJudge
from harness.core.plugins import Benchmark
from harness.core.run_record import BenchmarkResult, ProtocolRecord
from harness.evaluation.scoring import StoredTogether, score_all
from harness.storage.data_folder import DataFolder
from reports.tables.results import samples_of
from reports.values.paired import change, pairs
from tests.benchmarks.second_set.golden_cases import ById

BENCHMARKS: Mapping[str, Callable[[], Benchmark]] = {
    "beaf strict": Beaf,
    "beaf official": lambda: Beaf(variant="official"),
    "hallusionbench": HallusionBench,
    "mme": Mme,
    "mmvp": Mmvp,
    "mmvp circular": lambda: Mmvp(circular=True),
    "naturalbench": NaturalBench,
}
SAID = ("Yes", "No", "(a)", "(b)", "I cannot tell.")


def answers_of(items: Sequence[Item], seed: int) -> dict[str, Answer]:
    draw = random.Random(seed)
    return {item.id: Answer(item.id, draw.choice(SAID), 1, "end") for item in items}


def without_some(items: Sequence[Item], seed: int, share: float = 0.1) -> list[Item]:
    draw = random.Random(seed)
    return [item for item in items if draw.random() > share]


def result(benchmark: Benchmark, items: Sequence[Item], answers: Mapping[str, Answer], stored: Benchmark) -> BenchmarkResult:
    """As the store gives it; `stored`: the benchmark without its judge."""
    own = tuple(answers[item.id] for item in items)
    by_id = {answer.item_id: answer for answer in own}
    scores = score_all(benchmark, tuple(items), by_id)
    again = StoredTogether(stored, by_id, False)  # type: ignore[arg-type]
    return BenchmarkResult("b", ProtocolRecord({}), tuple(items), own, scores, tuple(benchmark.formulas), together=again)


def differences(one: BenchmarkResult, other: BenchmarkResult) -> dict[str, float]:
    sides = list(zip((one, other), samples_of([one, other]), strict=True))
    both = pairs(sides).judged  # type: ignore[arg-type]
    return {f"{f.name}[{f.group}]": float(change(both.before, both.after, f).value[0]) for f in one.formulas}


def compared(benchmark: Benchmark, stored: Benchmark, items: Sequence[Item], seeds: tuple[int, int]) -> None:
    """Two checkpoints that lack other items each, against the same two asked about the common ones alone."""
    said = [answers_of(items, seed) for seed in seeds]
    asked = [without_some(items, 10 + n) for n in range(2)]
    common = [item for item in asked[0] if item in asked[1]]
    found = differences(*(result(benchmark, own, of, stored) for own, of in zip(asked, said, strict=True)))
    expected = differences(*(result(benchmark, common, of, stored) for of in said))
    assert found.keys() == expected.keys()
    apart = {k for k in found if not math.isclose(found[k], expected[k], abs_tol=1e-12) and found[k] == found[k]}
    assert not apart
    assert [k for k in found if math.isnan(found[k])] == [k for k in expected if math.isnan(expected[k])]
    assert seeds[0] != seeds[1] or not any(abs(value) > 1e-12 for value in found.values())


@pytest.mark.parametrize("seeds", [(1, 2), (1, 1)], ids=["other answers", "the same answers"])
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_difference_is_that_of_the_items_that_both_answered(
    name: str, seeds: tuple[int, int], golden_data: DataFolder
) -> None:
    benchmark = BENCHMARKS[name]()
    compared(benchmark, benchmark, benchmark.load(golden_data), seeds)


@pytest.fixture
def judged(golden_data: DataFolder) -> tuple[HallusionBench, list[Item]]:
    """HallusionBench with a judge that says anything, and its items."""
    items, draw = HallusionBench().load(golden_data), random.Random(3)
    replies = {
        item.id: {TASK.name: draw.choice(("correct", "incorrect", "unclear")), SAME.name: draw.choice(("same", "different"))}
        for item in items
    }
    return HallusionBench(ById(replies), variant="judge"), items


@pytest.mark.parametrize("seeds", [(1, 2), (1, 1)], ids=["other answers", "the same answers"])
def test_groups_of_a_judge_are_counted_again_without_it(
    judged: tuple[HallusionBench, list[Item]], seeds: tuple[int, int]
) -> None:
    compared(judged[0], HallusionBench(NoJudge(), variant="judge"), judged[1], seeds)


def test_causes_stay_as_the_judge_found_them_where_it_is_not_asked_again(judged: tuple[HallusionBench, list[Item]]) -> None:
    """Those of answers whose original is there; the others are not known."""
    benchmark, items = judged
    answers, stored = answers_of(items, 1), HallusionBench(NoJudge(), variant="judge")
    scores = score_all(benchmark, tuple(items), answers)
    assert tuple(stored.together(items, scores, answers)) == scores
    causes = [name for score in scores for name in score.values if name in {PREFIX + c for c in (LANGUAGE, VISUAL, MIXED)}]
    assert len(set(causes)) == 3
    edited = [(item, score) for item, score in zip(items, scores, strict=True) if item.truth["figure"] != "0"]
    again = stored.together([i for i, _ in edited], [s for _, s in edited], answers)
    assert all((PREFIX + UNKNOWN in score.values) == (score.correct is False) for score in again)
