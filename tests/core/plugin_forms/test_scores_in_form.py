"""Scores, verdicts and truths of plug-ins: numbers become Python's own, everything else is refused with the item's name."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from harness.core.errors import DataError, JudgeError
from harness.core.evaluation import Item, Score, Verdict
from harness.core.plugin_forms import items as forms
from harness.core.plugin_forms.items import listed, require_form
from harness.core.plugin_forms.scores import score_in_form, scores_in_form, verdict_in_form

ITEM = Item("7", "a.jpg", "Is it raining?")


class Mode(Enum):
    WET = "wet"


@pytest.mark.parametrize("value", [np.float32(1), np.int64(1), np.bool_(True), True, torch.tensor(1.0), np.array(1.0), 1])
def test_a_number_of_any_library_becomes_pythons_own(value: Any) -> None:
    (kept,) = score_in_form("Weather", ITEM, Score("7", {"right": value})).values.values()
    assert kept == 1 and type(kept) in (int, float)


@pytest.mark.parametrize("value", [Decimal("0.5"), Fraction(1, 2)])
def test_an_exact_number_becomes_a_float(value: Any) -> None:
    assert score_in_form("Weather", ITEM, Score("7", {"right": value})).values == {"right": 0.5}


@pytest.mark.parametrize("value", [1, 0, np.int64(1), 1.0, np.bool_(True), False])
def test_right_and_wrong_may_be_one_and_zero(value: Any) -> None:
    assert score_in_form("Weather", ITEM, Score("7", {}, correct=value)).correct is bool(value)


@pytest.mark.parametrize("spans", [None, 3, (span for span in ())])
def test_spans_that_could_be_read_once_or_not_at_all_are_refused(spans: Any) -> None:
    with pytest.raises(DataError, match="must be a tuple of `Span`s"):
        score_in_form("Weather", ITEM, Score("7", {}, spans=spans))


class Box(NamedTuple):
    x: Any
    y: Any


class Row(list[Any]):
    pass


class Wet(str):
    """As a member of an Enum: `str` of it is its name."""

    def __str__(self) -> str:
        return "its name"


class Count(int):
    pass


@pytest.mark.parametrize(
    ("value", "kept"),
    [(Box(1, np.int64(2)), (1, 2)), ([Box(1, 2)], [(1, 2)]), (Row([1]), [1]), ({Wet("yes"): 1}, {"yes": 1}), (Count(3), 3)],
)
def test_a_truth_of_a_class_that_builds_on_pythons_own_is_kept_as_that(value: Any, kept: Any) -> None:
    (item,) = require_form("Weather", [replace(ITEM, truth={"of": value})])
    assert repr(item.truth["of"]) == repr(kept)


@pytest.mark.parametrize("value", [None, float("nan"), np.float32("inf"), "1", Decimal("nan"), [1.0], np.array([1.0, 2.0])])
def test_an_addend_that_is_not_a_finite_number_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match=r"Weather: the score of item '7' has the addend 'right': it .* Leave an addend out"):
        score_in_form("Weather", ITEM, Score("7", {"right": value}))


WRONG: dict[str, Any] = {
    "is None, not a Score": None,
    "not a Score": {"right": 1.0},
    "item_id '8', which is not the item's id": Score("8", {}),
    "`values`, not a mapping": Score("7", [1.0]),  # type: ignore[arg-type]
    "names an addend 1": Score("7", {1: 1.0}),  # type: ignore[dict-item]
    "as `correct`, which must be True, False or None": Score("7", {}, correct="yes"),  # type: ignore[arg-type]
    "None as `flag`": Score("7", {}, flag=None),  # type: ignore[arg-type]
    "as `verdict`, not a Verdict": Score("7", {}, verdict=4.0),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_not_a_score_of_the_item_is_refused(words: str) -> None:
    with pytest.raises(DataError, match=words):
        score_in_form("Weather", ITEM, WRONG[words])


def test_a_plain_score_stays_the_same_object() -> None:
    score = Score("7", {"right": 1.0, "asked": 1}, correct=True)
    assert score_in_form("Weather", ITEM, score) is score


def test_scores_over_several_items_are_one_for_each() -> None:
    with pytest.raises(DataError, match=r"together\(\) gives 0 scores for 1 items"):
        scores_in_form("Weather", [ITEM], [])


def test_a_verdict_has_a_finite_value_or_none() -> None:
    assert type(verdict_in_form("mine", Verdict(np.float32(4), "", "", "mine", "1")).value) is float
    assert verdict_in_form("mine", Verdict(None, "", "", "mine", "1")).value is None
    for found in (None, 4.0, Verdict(float("nan"), "", "", "mine", "1"), Verdict("4", "", "", "mine", "1")):  # type: ignore[arg-type]
        with pytest.raises(JudgeError, match="The judge 'mine' returned"):
            verdict_in_form("mine", found)


def test_a_truth_is_what_comes_back_from_the_store() -> None:
    truth = {"label": np.str_("no"), "n": np.int64(3), "of": {"x": np.array([1.0, 2.0])}, "mode": Mode.WET, "all": ("a",)}
    (item,) = require_form("weather", [Item("7", "a.jpg", "?", truth)])
    assert item.truth == {"label": "no", "n": 3, "of": {"x": [1.0, 2.0]}, "mode": "wet", "all": ("a",)}
    assert type(item.truth["n"]) is int
    assert require_form("weather", [ITEM])[0] is ITEM


@pytest.mark.parametrize("value", [float("nan"), Path("a"), {1: "a"}, [object()], np.float64("nan")])
def test_a_truth_that_would_come_back_otherwise_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match=r"weather: the truth of item '7' has 'x', which .* as it is\. Correct"):
        require_form("weather", [Item("7", "a.jpg", "?", {"x": value})])


def test_a_generator_that_never_ends_gives_as_many_items_as_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> Any:
        while True:
            yield ITEM

    assert listed("weather", endless(), 2) == [ITEM, ITEM]
    monkeypatch.setattr(forms, "MOST_ITEMS", 10)
    with pytest.raises(DataError, match=r"weather: load\(\) does not end: it gave 10 items"):
        listed("weather", endless())
