"""What each benchmark says of its items in words, and the names that it gives itself and its metrics."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.judges.keywords import Keywords
from harness.core import registry
from harness.core.capabilities import DescribesItems, Titled
from harness.core.evaluation import Item

NAMES = registry.names("benchmark")
DOG = "Is there a dog in the image?"
MMHAL = {"question_type": "adversarial", "image_content": ["dog"], "gt_answer": "No dog."}


@pytest.mark.parametrize(("name", "question", "truth", "subject", "reference"), [
    ("pope", "Is there an umbrella in the image?", {"labels": {"random": ["no"], "popular": ["no"]}}, "umbrella", "no"),
    ("pope", DOG, {"labels": {"random": ["no"], "popular": ["yes"]}}, "dog", "no / yes"),
    ("amber", "Is there a dog in this image?", {"kind": "existence", "truth": "no"}, "dog", "no"),
    ("amber", "Describe this image.", {"kind": "generative", "truth": ["dog"], "hallu": []}, "", ""),
    ("gqa", DOG, {"answer": "yes", "type": "verify"}, "verify", "yes"),
    ("gqa", DOG, {"answer": "yes", "type": ""}, "dog", "yes"),
    ("textvqa", "What is written?", {"answers": ["nokia", "phone"]}, "", "nokia"),
    ("mmvet", "What is x?", {"answer": "-1 <AND> -5", "capability": ["math"]}, "", "-1 <AND> -5"),
    ("llava_bench", "What?", {"category": "conv", "context": "", "reference": "A dog."}, "conv", "A dog."),
    ("mmhal_bench", "What?", MMHAL, "adversarial", "No dog."),
    ("mmhal_bench_v", "What?", MMHAL, "adversarial", "No dog."),
])  # fmt: skip
def test_an_item_is_described_in_words(name: str, question: str, truth: dict[str, Any], subject: str, reference: str) -> None:
    benchmark, item = registry.make("benchmark", name, {}, judge=Keywords()), Item("1", "", question, truth)
    assert isinstance(benchmark, DescribesItems)
    assert (benchmark.subject(item), benchmark.reference(item)) == (subject, reference)


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_title_of_its_own(name: str) -> None:
    assert isinstance(registry.make("benchmark", name, {}, judge=Keywords()), Titled)


def test_each_column_of_the_study_is_claimed_by_one_metric() -> None:
    claimed = [
        (formula.published_as, name, formula.name)
        for name in NAMES
        for formula in registry.make("benchmark", name, {}, judge=Keywords()).formulas
        if formula.published_as
    ]
    assert sorted(claimed) == [
        ("COCO recall", "object_halbench", "object_recall"),
        ("GQA", "gqa", "accuracy"),
        ("LLaVA-W", "llava_bench", "relative"),
        ("MM-Vet", "mmvet", "score"),
        ("MMHal", "mmhal_bench", "score"),
        ("MMHal-V", "mmhal_bench_v", "score"),
        ("POPE", "pope", "accuracy"),
        ("TextVQA", "textvqa", "accuracy"),
    ]
