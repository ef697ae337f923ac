"""Verdicts of judges that another judge, or the rules, contradict."""

from __future__ import annotations

from harness.core.evaluation import Item, Verdict
from harness.labels.suspicion.judge_verdicts import Rated, contradicted_verdicts

ITEM = Item("7", "images/7.png", "How many dogs are there?")


def rated(answer: str, **values: float | None) -> Rated:
    """The first judge's verdict is the one that counts."""
    verdicts = {name: Verdict(value, f"read {value}", "", name, "1") for name, value in values.items()}
    return Rated("mmhal_bench", ITEM, "base", answer, verdicts)


def test_the_widest_apart_comes_first_and_agreement_is_no_suspect() -> None:
    cases = contradicted_verdicts([rated("a", chat=6, rules=5), rated("b", chat=6, rules=0), rated("c", chat=3, rules=3)])
    assert [case.rated for case in cases] == ["b", "a"]
    assert cases[0].suspicion == 1.0 and cases[1].suspicion == 1 / 6


def test_what_the_other_judge_says_is_hidden_and_the_answer_itself_is_shown() -> None:
    (case,) = contradicted_verdicts([rated("Two dogs.", chat=6, rules=0)])
    assert case.rated == "Two dogs." and case.label == "chat: 6 (read 6)"
    assert case.model_evidence == ("rules says 0 (read 0)",)
    assert not any("0" in reason or "rules says" in reason for reason in case.reasons)


def test_an_unjudged_answer_contradicts_nobody() -> None:
    assert contradicted_verdicts([rated("a", chat=6, rules=None), rated("b", chat=None, rules=0)]) == ()
