"""A list of hallucinated nouns against people's marks: worked out by hand."""

from __future__ import annotations

import pytest

from harness.core.evaluation import Span
from harness.labels.estimates.marked_nouns import MarkedCaption, noun_agreement

TEXT = "A dog by a lamp, a rug, a vase and a rug with a mood."
SPANS = {"dog": "covered", "lamp": "invented", "rug": "invented", "vase": "found", "mood": "invented"}


def spans(text: str, kinds: dict[str, str]) -> tuple[Span, ...]:
    places = [(text.index(w), w) for w in kinds] + [(text.rindex(w), w) for w in kinds if text.count(w) > 1]
    return tuple(Span(at, at + len(word), kinds[word]) for at, word in sorted(places))


def caption(marks: dict[str, str], image: str = "a.jpg") -> MarkedCaption:
    return MarkedCaption(image, TEXT, spans(TEXT, SPANS), spans(TEXT, marks))


def test_without_marked_captions_nothing_is_known() -> None:
    assert noun_agreement([]) is None


def test_precision_counts_false_alarms_and_recall_what_was_missed() -> None:
    found = noun_agreement([caption({"mood": "false alarm", "vase": "missed", "dog": "missed", "by": "missed"})])
    assert found is not None
    assert (found.precision.n, found.precision.of) == (2, 3), "lamp and rug stand, mood does not; rug counts once"
    assert (found.recall.n, found.recall.of) == (2, 4), "lamp, rug; vase was judged supported, 'by' was not listed"
    assert found.covered == 1, "the dog is CHAIR's"
    assert found.precision.low is None, "one image tells nothing about others"


def test_captions_whose_marks_are_right_agree_wholly_and_images_are_counted_once() -> None:
    found = noun_agreement([caption({}), caption({}), caption({}, "b.jpg")])
    assert found is not None and (found.captions, found.images) == (3, 2)
    assert (found.precision.value, found.recall.value, found.precision.of) == (1.0, 1.0, 9)


def test_nothing_listed_and_nothing_hallucinated_is_unknown_and_not_zero() -> None:
    found = noun_agreement([MarkedCaption("a.jpg", "A dog.", (Span(2, 5, "covered"),), ())])
    assert found is not None and found.precision.value is None and found.recall.value is None


def test_a_missed_mark_on_a_listed_noun_changes_nothing_and_one_wide_mark_is_the_noun_in_it() -> None:
    wide = MarkedCaption("a.jpg", "A blue vase.", (Span(7, 11, "found"),), (Span(2, 11, "missed"),))
    listed = MarkedCaption("b.jpg", "A rug.", (Span(2, 5, "invented"),), (Span(2, 5, "missed"),))
    found = noun_agreement([wide, listed])
    assert found is not None and (found.recall.n, found.recall.of) == (1, 2)


@pytest.mark.parametrize(("alarms", "expected"), [(0, 1.0), (10, 0.5), (20, 0.0)])
def test_the_interval_holds_the_value_and_hangs_on_images(alarms: int, expected: float) -> None:
    one = (Span(2, 5, "invented"),)
    captions = [MarkedCaption(str(n), "A rug.", one, (Span(2, 5, "false alarm"),) if n < alarms else ()) for n in range(20)]
    found = noun_agreement(captions)
    assert found is not None and found.precision.value == expected
    assert found.precision.low is not None and found.precision.high is not None
    assert found.precision.low <= expected <= found.precision.high and found.precision.high - found.precision.low < 0.6
