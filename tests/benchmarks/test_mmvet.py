"""MM-Vet: grades from 0 to 1, over all questions and over those that need a capability."""

from __future__ import annotations

import pytest

from benchmarks.mmvet import Mmvet, official_grade, tolerant_grade
from harness.core.errors import ConfigError, DataError
from harness.core.evaluation import Item
from harness.storage.data_folder import DataFolder
from tests.benchmarks.scoring import Replies, metrics, put, said

ENTRY = {"imagename": "v1_0.png", "question": "What is x?", "answer": "-1 <AND> -5", "capability": ["ocr", "math"]}


@pytest.mark.parametrize(("reply", "official", "tolerant"), [
    ("0.5", 0.5, 0.5),
    ("1", 1.0, 1.0),
    ("0.7 because", 0.7, 0.7),
    ("Correctness: 0.7", 0.0, 0.7),
    ("0.5/1.0", 0.0, 0.5),
    ("10", 0.0, None),
    ("2.5", 0.0, None),
    ("half", 0.0, None),
    ("", 0.0, None),
])  # fmt: skip
def test_the_two_parsers(reply: str, official: float, tolerant: float | None) -> None:
    assert (official_grade(reply), tolerant_grade(reply)) == (official, tolerant)


def test_grades_by_capability_without_the_unjudged(folder: DataFolder) -> None:
    put(folder, "mmvet/mm-vet.json", {"v1_0": ENTRY, "v1_1": {**ENTRY, "capability": ["ocr"]}, "v1_2": ENTRY})
    bench = Mmvet(Replies("0.4", "1.0", None))
    items = bench.load(folder)
    got = metrics(bench, [bench.score(item, said("x")) for item in items])
    assert (got["score"], got["score[ocr]"], got["score[math]"], got["judged"]) == pytest.approx((0.7, 0.7, 0.4, 2 / 3))
    assert items[0].image == "mmvet/images/v1_0.png"


@pytest.mark.parametrize(("reply", "right"), [("0.5", True), ("0.4", False), ("1.0", True)])
def test_half_of_the_grade_counts_as_right(reply: str, right: bool) -> None:
    item = Item("1", "a.png", "Q?", {"answer": "x", "capability": ["ocr"]})
    score = Mmvet(Replies(reply)).score(item, said("x"))
    assert score.correct is right and score.reading == f"{float(reply):g} of 1"


def test_an_unknown_capability_is_an_error(folder: DataFolder) -> None:
    put(folder, "mmvet/mm-vet.json", {"v1_0": {**ENTRY, "capability": ["taste"]}})
    with pytest.raises(DataError, match="question v1_0: capability 'taste' is not one of"):
        Mmvet(Replies()).load(folder)


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ConfigError):
        Mmvet(Replies(), variant="mine")
