"""Pairs of a source and answers of a model of another distribution are looked at before they are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import pytest

from harness.core.edge.plugin_modules import with_files
from harness.core.errors import DataError, ModelError
from harness.core.evaluation import Answer, Request
from harness.core.plugin_forms.answers import answers_in_form
from harness.core.plugin_forms.pairs import pairs_in_form, report_in_form
from harness.core.preference import PreferencePair

PAIR: dict[str, Any] = {
    "id": "1", "image": "a.jpg", "image_digest": "", "prompt": "?", "chosen": "A dog.", "rejected": ("A cat.",),
    "source": "mine",
}  # fmt: skip


class Gives:
    """A source with these pairs, or one that raises."""

    def __init__(self, *pairs: Any, report: Any = None) -> None:
        self._pairs, self._report = pairs, report

    def pairs(self, data: Any, model: Any, seed: int) -> Iterator[Any]:
        yield from self._pairs
        if not self._pairs:
            raise RuntimeError("boom")

    def report(self) -> Any:
        return self._report


def made(*pairs: Any) -> list[PreferencePair]:
    return pairs_in_form("mine", with_files(Gives(*pairs), "digest"), cast(Any, None), cast(Any, None), 0)


def test_lists_become_tuples_and_provenance_what_the_store_keeps() -> None:
    (pair,) = made(PreferencePair(**{**PAIR, "rejected": ["A cat."], "meta": {"x": np.float32(1), "y": float("nan")}}))
    assert (pair.rejected, pair.meta) == (("A cat.",), {"x": 1.0, "y": None})


WRONG: dict[str, dict[str, Any]] = {
    "has 'cat' as `rejected`; give a tuple of texts": {"rejected": "cat"},  # its letters would be three answers
    "has 1 as `id`, which is not text": {"id": 1},
    "has None as `chosen`": {"chosen": None},
    "has 3 as `image`, which is not text": {"image": 3},
}


@pytest.mark.parametrize("words", WRONG)
def test_a_field_of_another_type_is_named(words: str) -> None:
    with pytest.raises(DataError, match=f"The source mine: pair 1 {words}"):
        made(PreferencePair(**{**PAIR, **WRONG[words]}))


def test_what_is_no_pair_a_repeated_id_and_a_failure_are_our_own_errors() -> None:
    with pytest.raises(DataError, match="pair 1 is {.*, not a PreferencePair"):
        made(PAIR)
    with pytest.raises(DataError, match="pair 2 is None"):
        made(PreferencePair(**PAIR), None)
    with pytest.raises(DataError, match="pairs 1 and 2 both have the id '1'"):
        made(PreferencePair(**PAIR), PreferencePair(**PAIR))
    with pytest.raises(DataError, match="The source mine fails after 0 pairs: RuntimeError: boom"):
        made()


def test_a_report_of_any_kind_can_be_stored() -> None:
    assert report_in_form("mine", Gives(report={"n": np.int64(3), "nan": float("nan"), 1: {"x": object}})).keys() == {
        "n",
        "nan",
        "1",
    }
    assert report_in_form("mine", Gives(report=None)) == {}


class Says:
    """A model that yields these batches."""

    def __init__(self, *batches: Any) -> None:
        self._batches = batches

    def generate(self, requests: Any, done: Any = ()) -> Iterator[Any]:
        for batch in self._batches:
            if isinstance(batch, Exception):
                raise batch
            yield batch


def answered(*batches: Any) -> list[Any]:
    model = with_files(Says(*batches), "digest")
    return list(answers_in_form(cast(Any, model), [Request(None, "?")], {}))


def test_places_of_any_library_are_places() -> None:
    assert answered([(np.int64(0), Answer("", "No.", 1, "end"))]) == [[(0, Answer("", "No.", 1, "end"))]]


KEPT = [[(0, Answer("", "No.", 1, "end"))]]
FORMS: dict[str, Callable[[Answer], Any]] = {
    "the items of a mapping": lambda answer: {0: answer}.items(),
    "zip": lambda answer: zip([0], [answer], strict=True),
    "a generator": lambda answer: (one for one in [[0, answer]]),
    "a tuple": lambda answer: ((0, answer),),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_may_be_whatever_gives_places_and_answers(form: str) -> None:
    assert answered(FORMS[form](Answer("", "No.", 1, "end"))) == KEPT


def test_numbers_and_texts_of_other_classes_become_pythons_own() -> None:
    ((_, answer),) = answered([(0, Answer("", np.str_("No."), cast(Any, np.int64(1)), End("end")))])[0]
    assert [(type(value), value) for value in (answer.text, answer.n_tokens, answer.stopped)] == [
        (str, "No."), (int, 1), (str, "end")
    ]  # fmt: skip


def test_a_batch_that_fails_half_way_is_our_own_error() -> None:
    with pytest.raises(ModelError, match="The model Says fails while it answers: ZeroDivisionError"):
        answered((n, 1 / n) for n in range(1))


class End(str):
    """As a member of an Enum: `str` of it is its name."""

    def __str__(self) -> str:
        return "its name"


NO_TEXT = Answer("", cast(Any, None), 1, "end")
OTHERS = [None, 3, [3], [(1, Answer("", "No.", 1, "end"))], [(0, "No.")], [(0, None)], [(0, NO_TEXT)], ValueError("boom")]


@pytest.mark.parametrize("batch", OTHERS)
def test_other_answers_are_refused_before_they_are_stored(batch: Any) -> None:
    with pytest.raises(ModelError, match="The model Says (must yield lists of|fails while it answers: boom)"):
        answered(batch)
