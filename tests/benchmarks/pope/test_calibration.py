"""How far a probability of yes can be taken at its word, by hand."""

from __future__ import annotations

from math import log

import pytest

from benchmarks._pope import calibration as _calibration
from benchmarks.pope import Pope
from harness.core.evaluation import Answer, Item, Score
from harness.core.stats import metrics

DOG = Item("1", "a.jpg", "Is there a dog in the image?", {"labels": {"random": ["no"], "popular": ["no"]}})


def found(*questions: tuple[float, bool]) -> dict[str, float | None]:
    """p(yes) and whether it is there, question by question -> the metrics."""
    items = [Item(str(i), f"{i}.jpg", "q") for i in range(len(questions))]
    scores = [Score(str(i), _calibration.addends(log(p / (1 - p)), there)) for i, (p, there) in enumerate(questions)]
    return {m.name: m.value for m in metrics(items, scores, _calibration.formulas())}


def test_a_model_that_is_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    assert found((0.75, True), (0.75, True), (0.75, True), (0.75, False))["ece"] == pytest.approx(0)


def test_the_error_is_the_distance_from_the_diagonal_weighed_by_questions() -> None:
    # bin 0.9: two questions, mean p 0.95, share 0.5; bin 0.2: one question, p 0.25, share 0
    values = found((0.95, True), (0.95, False), (0.25, False))
    assert values["ece"] == pytest.approx((2 * 0.45 + 1 * 0.25) / 3)
    assert values["brier"] == pytest.approx((0.05**2 + 0.95**2 + 0.25**2) / 3)


def test_bins_on_both_sides_of_the_diagonal_do_not_make_up_for_each_other() -> None:
    # bin 0.9: 0.95 above a share of 0; bin 0.2: 0.25, and 0.75 below a share of 1
    assert found((0.95, False), (0.25, True))["ece"] == pytest.approx((0.95 + 0.75) / 2)


def test_a_model_of_two_minds_falls_into_the_sixth_bin() -> None:
    assert _calibration.addends(0.0, True) == {"p5/n": 1, "p5/p": 0.5, "p5/yes": 1, "log_odds": 0, "brier": 0.25}


@pytest.mark.parametrize(("nats", "place"), [(1e4, "p9/n"), (-1e4, "p0/n")])
def test_the_surest_model_overflows_nothing(nats: float, place: str) -> None:
    assert _calibration.addends(nats, True)[place] == 1


def test_a_question_of_two_splits_is_one_question_of_the_calibration() -> None:
    values = Pope().score(DOG, Answer("1", "No.", 1, "end", yes_nats=-2.0)).values
    assert (values["random/tn"], values["popular/tn"], values["p1/n"], values["p1/yes"]) == (1, 1, 1, 0)


def test_splits_that_contradict_each_other_say_nothing_of_calibration() -> None:
    torn = Item("1", "a.jpg", "Is there a dog in the image?", {"labels": {"random": ["no"], "popular": ["yes"]}})
    assert "log_odds" not in Pope().score(torn, Answer("1", "No.", 1, "end", yes_nats=-2.0)).values


def test_without_log_odds_the_error_is_unknown_and_says_why() -> None:
    score = Pope().score(DOG, Answer("1", "No.", 1, "end"))
    (ece,) = (m for m in metrics([DOG], [score], Pope().formulas) if m.name == "ece")
    assert ece.value is None and "no log-odds" in ece.why


def test_turned_off_nothing_is_scored_and_no_metric_is_empty() -> None:
    pope = Pope(log_odds=False)
    assert "log_odds" not in pope.score(DOG, Answer("1", "No.", 1, "end", yes_nats=-2.0)).values
    assert not {"ece", "brier"} & {formula.name for formula in pope.formulas}


def test_the_audit_hears_how_sure_an_answer_was() -> None:
    pope = Pope()
    implied = pope.implied_labels(DOG, pope.score(DOG, Answer("1", "Yes.", 1, "end", yes_nats=2.5)))
    assert {(one.yes, one.nats) for one in implied.values()} == {(True, 2.5)}
