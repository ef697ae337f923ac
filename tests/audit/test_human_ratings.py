"""Judges held against people's ratings of stored answers: `ratings sample` and `ratings show`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.mmhal_bench import MmhalBench
from benchmarks.mmvet import Mmvet
from harness.audit.human_ratings import judged_answers
from harness.core.evaluation import Item, Verdict
from harness.core.judging import Facts, JudgeTask
from harness.core.stats import metrics
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
