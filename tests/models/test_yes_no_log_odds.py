"""Log-odds of yes come with an answer's first token, or are scored."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.evaluation import Decoding, Request
from harness.core.plugins import in_order
from harness.miniworld.model.paths import checkpoint_folder
from harness.models.transformers import TransformersModel

THINGS = ("dog", "cat", "clock", "book", "tv")


def asked(images: list[Path]) -> list[Request]:
    return [Request(p, f"Is there a {thing} in the image?", Decoding(max_new_tokens=2)) for p in images for thing in THINGS]


def test_log_odds_told_with_an_answer_are_those_of_scoring_its_words(images: list[Path]) -> None:
    model = TransformersModel(str(checkpoint_folder()), device="cpu")
    requests = asked(images[:2])
    answers = in_order((pair for batch in model.generate(requests) for pair in batch), len(requests))
    told = [answer.yes_nats for answer in answers]
    assert told == pytest.approx(model.yes_no_log_odds(requests), abs=1e-4)
    assert len(set(told)) == len(told)


def test_words_that_the_vocabulary_spells_are_left_to_scoring(llava_folder: Path, images: list[Path]) -> None:
    model = TransformersModel(str(llava_folder), device="cpu")
    batches = list(model.generate(asked(images[:1])))
    assert all(answer.yes_nats is None for batch in batches for _, answer in batch)
