"""POPE: the official evaluate.py and utils.py on a thousand odd answers, degenerate cases and made-up images."""

from __future__ import annotations

import pytest

from benchmarks._text.yes_no import official
from benchmarks.pope import Pope, build_questions
from harness.core.evaluation import Item, Score
from tests.benchmarks.scoring import golden, golden_lines, metrics, said

ROWS = golden_lines("pope/questions.jsonl")
ANSWERS = [row["answer"] for row in golden_lines("pope/answers.jsonl")]
METRICS = {"accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "f1", "yes_rate": "yes_ratio"}


def scored(answers: list[str], labels: list[str]) -> list[Score]:
    pope = Pope(splits=["random"], variant="official")
    items = [Item(str(i), "", "", {"labels": {"random": [label]}}) for i, label in enumerate(labels)]
    return [pope.score(item, said(answer)) for item, answer in zip(items, answers, strict=False)]


def test_every_answer_is_read_as_the_official_script_reads_it() -> None:
    expected = [row["prediction"] for row in golden_lines("pope/expected_predictions.jsonl")]
    assert [official(answer) for answer in ANSWERS] == expected


@pytest.mark.parametrize("category", ["all", "random", "popular", "adversarial"])
def test_every_metric_is_the_official_one(category: str) -> None:
    chosen = [i for i, row in enumerate(ROWS) if category in ("all", row["category"])]
    got = metrics(Pope(splits=["random"]), scored([ANSWERS[i] for i in chosen], [ROWS[i]["label"] for i in chosen]))
    expected = golden("pope/expected_metrics.json")[category]
    assert {m: got[f"{m}[random]"] for m in METRICS} == pytest.approx({m: expected[o] for m, o in METRICS.items()}, abs=1e-12)


@pytest.mark.parametrize("case", golden("pope/degenerate.json"), ids=lambda case: case["name"])
def test_a_degenerate_case_has_the_official_numbers_and_unknown_ones_instead_of_a_crash(case: dict) -> None:
    pope = Pope(splits=["random"], variant="official")
    labels = ["no" if label == "no" else "yes" for label in case["labels"]]  # the official reading of labels
    got = metrics(pope, scored(case["answers"], labels))
    for ours, theirs in METRICS.items():
        if case["metrics"][theirs] is not None:
            assert got[f"{ours}[random]"] == pytest.approx(case["metrics"][theirs], abs=1e-12)
    # What the official script could not divide is unknown. (It stops at the first, so accuracy may be known to us.)
    undefined = {m for m in ("precision", "recall", "f1") if got[f"{m}[random]"] != got[f"{m}[random]"]}
    assert bool(undefined) == (case["official_exception"] is not None)


@pytest.mark.parametrize("world", ["main", "small_vocab_fallback"])
@pytest.mark.parametrize("split", ["random", "popular", "adversarial"])
def test_questions_are_built_row_by_row_as_the_official_code_builds_them(world: str, split: str) -> None:
    images = [(r["image"], r["objects"]) for r in golden_lines(f"pope/construction/{world}_segmentation.jsonl")]
    expected = golden_lines(f"pope/construction/{world}_{split}.jsonl")
    mended = [{**row, "text": row["text"].replace("imange", "image")} for row in expected]
    assert build_questions(images, split, seed=1234) == mended
