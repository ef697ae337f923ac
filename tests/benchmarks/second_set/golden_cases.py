"""Helpers of the golden tests of the second set: a data folder with golden files under our names, and answers scored."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.core.capabilities import ScoresTogether
from harness.core.evaluation import Answer, Item, Score, Verdict
from harness.core.judging import Facts, JudgeTask
from harness.core.plugins import Benchmark
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import GOLDEN, metrics, said

PLACES = {
    "hallusionbench/HallusionBench.json": "hallusionbench/HallusionBench.json",
    "mme/questions.jsonl": "mme/questions.jsonl",
    "mmstar/questions.jsonl": "mmstar/mmstar.jsonl",
    "mmvp/Questions.csv": "mmvp/Questions.csv",
    "naturalbench/questions.jsonl": "naturalbench/naturalbench.jsonl",
    "dash_b/images/dash_benchmark_neg.json": "dash_b/images/dash_benchmark_neg.json",
    "dash_b/images/dash_benchmark_pos.json": "dash_b/images/dash_benchmark_pos.json",
    "beaf/beaf_qna.json": "beaf/beaf_qna.json",
}


def golden_folder(place: Path) -> DataFolder:
    """The golden question files where the benchmarks look for them."""
    for golden, ours in PLACES.items():
        (place / ours).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(GOLDEN / golden, place / ours)
    return DataFolder(place)


def scored(benchmark: Benchmark, items: Sequence[Item], texts: Sequence[str]) -> list[Score]:
    """Scores of the items that have a text, joined where the benchmark joins them."""
    answers: dict[str, Answer] = {item.id: said(text) for item, text in zip(items, texts, strict=False)}
    answered = [item for item in items if item.id in answers]
    scores = [benchmark.score(item, answers[item.id]) for item in answered]
    return benchmark.together(answered, scores, answers) if isinstance(benchmark, ScoresTogether) else scores


def measured(benchmark: Benchmark, items: Sequence[Item], texts: Sequence[str]) -> dict[str, float]:
    return metrics(benchmark, scored(benchmark, items, texts))


def check(got: Mapping[str, float], expected: Mapping[str, object], names: Mapping[str, str], times: float = 1.0) -> None:
    """Each of our metrics against the official one of that name; unknown here where the official code raised or gave none."""
    for ours, theirs in names.items():
        value = expected.get(theirs)
        if isinstance(value, int | float):
            assert math.isclose(times * got[ours], value, abs_tol=1e-9), (ours, times * got[ours], value)


class ById:
    """A judge that replays {item id: {task name: reply}}."""

    name, version = "by id", "1"

    def __init__(self, replies: Mapping[str, Mapping[str, str]]) -> None:
        self.replies, self.asked = replies, list[tuple[str, str]]()

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        self.asked.append((task.name, str(facts["id"])))
        return Verdict(0.0, "", self.replies[facts["id"]][task.name], self.name, self.version)
