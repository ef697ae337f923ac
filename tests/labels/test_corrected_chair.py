"""Captions of one image, and mentions of one object, hang together: intervals of the corrected CHAIR are over images."""

from __future__ import annotations

import numpy as np
import pytest

from harness.core.evaluation import Item, Score, Span
from harness.labels.caption_marks import CaptionMarks
from harness.labels.cases import Vote, caption_field
from harness.labels.estimates.corrected_chair import CorrectedChair, corrected_chair
from harness.labels.votes import Ballots

TEXT = "abcde and more"  # one letter an object


def score(item: str, invented: int) -> Score:
    spans = tuple(Span(i, i + 1, "invented" if i < invented else "found") for i in range(5))
    return Score(item, {"mentions": 5.0, "invented": float(invented)}, spans=spans)


def read(one: Score, *marks: Span) -> Vote:
    word = "wrong" if marks else "right"
    return Vote("chair", one.item_id, caption_field(TEXT, one.spans), "", word, "Ada", "", answer=TEXT, spans=marks)


def corrected(scores: list[Score], votes: list[Vote]) -> CorrectedChair:
    """An item "3#2" is a second caption of the image 3."""
    texts, items = {s.item_id: TEXT for s in scores}, {s.item_id: Item(s.item_id, s.item_id.split("#")[0], "") for s in scores}
    found = corrected_chair("chair", "base", scores, texts, CaptionMarks(Ballots(votes), "chair"), items)
    assert found is not None
    return found


def copied(times: int) -> CorrectedChair:
    """60 images with equal captions; two in three are read, and one in three misses an object."""
    scores = [[score(f"{image}#{n}", image % 4) for n in range(times)] for image in range(60)]
    votes = [read(s, *([Span(10, 14, "missed")] * (i % 3 == 2))) for i, own in enumerate(scores) if i % 3 for s in own]
    return corrected([s for own in scores for s in own], votes)


def test_four_equal_captions_an_image_tell_no_more_than_one() -> None:
    one, four = copied(1), copied(4)
    assert (four.value, four.low, four.high) == pytest.approx((one.value, one.low, one.high))
    for few, many in ((one.found, four.found), (one.rightly, four.rightly)):
        assert (many.n, many.of) == (4 * few.n, 4 * few.of)
        assert (many.value, many.low, many.high) == pytest.approx((few.value, few.low, few.high))


def test_four_images_with_many_captions_are_too_few_for_an_interval() -> None:
    scores = [score(f"{image}#{n}", 1) for image in range(20) for n in range(5)]
    assert (found := corrected(scores, [read(s) for s in scores[:20]])).marked == 20 and found.low is None


def test_the_interval_of_the_detectors_precision_covers_a_scorer_that_repeats_its_mistakes() -> None:
    """Each caption names one invented object 1 to 5 times; with 30 % all of these are false alarms."""
    rng, covered = np.random.default_rng(0), 0
    for _ in range(200):
        scores = [score(str(i), int(rng.integers(1, 6))) for i in range(50)]
        alarms = rng.random(50) < 0.3
        votes = [read(s, *([Span(0, 5, "false alarm")] * bool(a))) for s, a in zip(scores, alarms, strict=True)]
        share = corrected(scores, votes).rightly
        assert share.low is not None and share.high is not None
        covered += share.low <= 0.7 <= share.high
    assert covered >= 180  # Clopper and Pearson over mentions: 142


def test_images_that_are_read_in_part_are_covered() -> None:
    """100 images of four captions that all miss an object or none (30 %); 100 of the 400 captions are read."""
    rng, covered = np.random.default_rng(1), 0
    for _ in range(100):
        missed = rng.random(100) < 0.3
        scores = [score(f"{image}#{n}", 1) for image in range(100) for n in range(4)]
        chosen = rng.choice(400, 100, replace=False)
        found = corrected(scores, [read(scores[i], *([Span(10, 14, "missed")] * bool(missed[i // 4]))) for i in chosen])
        assert found.low is not None and found.high is not None
        covered += found.low <= 1.3 / 5.3 <= found.high
    assert covered >= 90
