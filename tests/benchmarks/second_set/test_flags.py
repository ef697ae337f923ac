"""Answers whose reading needs a look carry a flag; the value stays what the official rule gives."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks._choice.named_letters import flag_of, named_letters
from benchmarks.choice.mmstar import VARIANTS, MmStar
from benchmarks.choice.mmvp import READERS, Mmvp
from benchmarks.choice.naturalbench import NaturalBench
from benchmarks.yes_no.beaf import Beaf
from benchmarks.yes_no.dash_b import DashB
from benchmarks.yes_no.hallusionbench import HallusionBench
from benchmarks.yes_no.mme import Mme
from harness.core.evaluation import Answer, Item, Score

SEVERAL, UNCLEAR, CONTRADICTED = "several options named", "unclear", "contradicted"
FOUR = {"A": "a violin", "B": "windmill", "C": "teapot", "D": "anchor"}
STAR = {"answer": "A", "options": FOUR, "category": "math", "axis": "geometry"}
PAIR = {"label": "A", "options": {"A": "Open", "B": "Closed"}, "groups": {}}


def score(benchmark: Any, text: str, **truth: object) -> Score:
    return benchmark.score(Item("1", "a.jpg", "Which?", truth), Answer("", text, 1, "end"))


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ("A and B", "AB"), ("Both A and B are right.", "AB"), ("(a) or (c)", "AC"), ("A, B", "AB"), ("a and b", "AB"),
        ("A is wrong, so the answer is B.", "AB"), ("A: a violin, B: windmill", "AB"), ("Option c.", "C"), ("**B**", "B"),
        ("A dog and a cat", ""), ("A dog, so B", "B"), ("Because", ""), ("The answer is a cat.", ""), ("B", "B"), ("E", ""),
        ("the answer is b and c", "BC"), ("a windmill", ""), ("Banana", ""), ("b", "B"), ("B looks right", "B"), ("", ""),
    ],
)  # fmt: skip
def test_the_letters_that_an_answer_names(answer: str, named: str) -> None:
    assert "".join(sorted(named_letters(answer, tuple("ABCD")))) == named


@pytest.mark.parametrize("variant", VARIANTS)
def test_mmstar_reads_two_options_as_its_rule_does_and_flags_them(variant: str) -> None:
    got = score(MmStar(variant=variant), "A and B", **STAR)
    assert got.flag == SEVERAL and got.reading == {"official": "A", "lmms_eval": "A", "vlmevalkit": "none"}[variant]
    assert score(MmStar(variant=variant), "A", **STAR).flag == ""


@pytest.mark.parametrize("variant", READERS)
def test_mmvp_flags_two_options_under_every_rule(variant: str) -> None:
    assert score(Mmvp(variant=variant), "(a) or (b)", **PAIR).flag == SEVERAL
    assert score(Mmvp(variant="lmms_eval"), "(a) Open", **PAIR).flag == ""


def test_naturalbench_flags_both_letters_and_both_words() -> None:
    letters, words = {"label": "yes", "kind": "multiple_choice"}, {"label": "no", "kind": "yes_no"}
    got = [score(NaturalBench(), "A or B", **letters), score(NaturalBench(), "No. Yes, there is.", **words)]
    assert [(s.reading, s.correct, s.flag) for s in got] == [("yes", True, SEVERAL), ("no", True, SEVERAL)]
    assert score(NaturalBench(), "Yes, there is no dog.", **words).flag == ""


def test_a_letter_read_out_of_a_word_is_flagged() -> None:
    article = score(MmStar(), "A careful look says B.", **STAR)
    assert (article.reading, article.correct, article.flag) == ("A", True, CONTRADICTED)
    assert (score(MmStar(), "Because of its shape", **STAR).reading, flag_of("Because", "B", FOUR)) == ("B", UNCLEAR)
    assert score(NaturalBench(), "a dog, so B", label="yes", kind="multiple_choice").flag == CONTRADICTED
    for text in ("It is a windmill", "It is a Windmill"):
        assert flag_of(text, "B", FOUR) == "", "the text of the option that was read stands there"


@pytest.mark.parametrize("benchmark", [Beaf(), DashB(), Mme(), HallusionBench(variant="lmms_eval")], ids=lambda one: one.title)
def test_yes_no_readers_flag_an_answer_that_says_both(benchmark: Any) -> None:
    truth = {"label": "yes", "task": "existence", "category": "VD", "subcategory": "ocr", "groups": {}, "object": "dog"}
    got = score(benchmark, "Yes and no.", **truth)
    assert (got.reading, got.flag) == ("yes", SEVERAL)
    assert score(benchmark, "Yes, there is no doubt about it.", **truth).flag == ""


@pytest.mark.parametrize("answer", ["Cannot determine.", "I know this place.", "Nothing is visible."])
@pytest.mark.parametrize("benchmark", [Beaf(), Beaf(variant="official"), DashB()], ids=["beaf", "beaf official", "dash_b"])
def test_a_no_that_is_read_out_of_another_word_keeps_its_value_and_is_unclear(benchmark: Any, answer: str) -> None:
    got, plain = (score(benchmark, text, label="no", object="dog") for text in (answer, "No."))
    assert (got.reading, got.correct, got.values) == ("no", True, plain.values)
    assert (got.flag, plain.flag) == (UNCLEAR, "")


def test_a_yes_that_is_read_out_of_another_word_is_unclear() -> None:
    assert score(DashB(), "Yesterday there was.", label="no").flag == UNCLEAR


def test_a_no_that_is_read_as_yes_out_of_another_word_is_flagged() -> None:
    assert score(DashB(), "No, its eyes are shut.", label="no").reading == "yes"
    assert score(DashB(), "No, its eyes are shut.", label="no").flag == CONTRADICTED
