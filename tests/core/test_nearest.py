"""The hint behind an unknown name."""

import pytest

from harness.core.nearest import did_you_mean, nearest


def test_the_hint_names_the_most_similar_name() -> None:
    assert did_you_mean("popee", ["amber", "pope", "chair"]) == " Did you mean 'pope'?"


@pytest.mark.parametrize(("name", "known"), [("POPE", "pope"), ("DPO", "dpo"), ("Bdhs-Attn", "bdhs-attn"), ("f1", "F1")])
def test_capitals_make_no_difference(name: str, known: str) -> None:
    assert did_you_mean(name, ["zoo", known]) == f" Did you mean {known!r}?"


def test_names_that_differ_in_capitals_alone_are_both_found() -> None:
    assert nearest("item", ["Item", "ITEM", "other"], n=2) == ["Item", "ITEM"]


def test_there_is_no_hint_where_nothing_is_similar() -> None:
    assert did_you_mean("popee", ["gqa"]) == ""


def test_several_names_come_best_first_and_once() -> None:
    assert nearest("item-12", ["item-99", "item-1", "item-1"], n=3) == ["item-1", "item-99"]
