"""A slice of tests/proofs/coverage.py with a seed of its own: 2,000 sweeps a cell."""

from __future__ import annotations

import numpy as np
import pytest

from tests.proofs.coverage import METRICS, NULLS, SEEDS, SHIFTS, metric_cell, paired_cell

CELLS = [
    ("accuracy 80 %, 6 questions, correlation 0.3", 60),
    ("accuracy 99 %, 6 questions, correlation 0.3", 100),
    ("accuracy 1 %, 6 questions, correlation 0.3", 100),
    ("accuracy 90 %, 1 to 20 questions, correlation 0.2", 100),
    ("slice of 1.5 questions an image, 90 %", 60),
    ("F1 99 %", 100),
    ("CHAIRi 17 %, longer captions invent more", 60),
    ("AMBER score, rounded as published", 60),
    ("rating 0 to 6, mostly 6", 100),
    ("inventions a caption, 0.5", 60),
]


@pytest.mark.parametrize(("world", "images"), CELLS)
def test_intervals_cover_the_truth_in_93_to_97_percent(world: str, images: int) -> None:
    found = metric_cell(METRICS[world](), images, 2000, np.random.default_rng(2))
    one_sided = min(found.low, found.high) == 0  # where all answers may be right, no interval can lie too high
    assert 93 <= found.covered <= (98 if one_sided else 97), found


@pytest.mark.parametrize("world", ["accuracy 80 %, 6 questions", "F1 80 %", "CHAIRi 17 %", "words an answer"])
def test_false_alarms_are_as_many_as_promised(world: str) -> None:
    found = paired_cell(NULLS[world](), 100, 2000, np.random.default_rng(3))
    assert 3.9 <= 100 - found.covered <= 6.1, found


def test_differences_on_few_images_are_covered() -> None:
    found = paired_cell(SHIFTS["accuracy, 80 to 90 % on a fifth of the images"](), 100, 2000, np.random.default_rng(4))
    assert 93 <= found.covered <= 97.5, found


def test_seeds_put_together_find_nothing_where_there_is_nothing() -> None:
    found = SEEDS["3 seeds against a baseline, scatter 0.2 (false alarms)"](60, 600, np.random.default_rng(5))
    assert 1 <= 100 - found.covered <= 6, found
