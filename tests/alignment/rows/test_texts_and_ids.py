"""Pairs that come from Python instead of a file: texts that no tokenizer takes, and ids that are not unique."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alignment.aligners.dpo import Dpo
from alignment.data.invalid_pairs import IDENTICAL_ANSWERS, validate
from harness.core.digests import model_digest
from harness.core.errors import TrainingError
from harness.models.transformers import TransformersModel
from tests.alignment.talker import FAST


def test_lone_surrogates_are_trained_on_as_the_replacement_character(llava_next, images, pairs, tmp_path):
    def trained(mark: str, folder: str) -> str:
        odd = replace(pairs[0], chosen=f"A {mark} cat.", rejected=(f"{mark} no",), prompt=f"Des{mark}cribe", context=f"a{mark}")
        policy = TransformersModel(str(llava_next), device="cpu")
        return model_digest(Dpo(training=FAST).align(policy, [odd, *pairs[1:]], images, tmp_path / folder).folder)

    assert trained("\ud800", "surrogate") == trained("\ufffd", "replacement")


def test_texts_that_can_be_encoded_stay_as_they_are(pairs):
    fine = replace(pairs[0], chosen="Ein Mädchen \U0001f600")
    assert validate([fine], lambda name: True)[0] == [fine]
    alike = replace(pairs[0], chosen="a\ud800", rejected=("a\ud801",))
    assert [one.reason for one in validate([alike], lambda name: True)[1]] == [IDENTICAL_ANSWERS]


def test_pairs_that_share_an_id_are_refused(llava_next, images, pairs, tmp_path):
    twice = [*pairs, replace(pairs[1], image="tall.png"), pairs[2]]
    with pytest.raises(TrainingError, match=r"2 ids are that of several pairs \(the first: 'blue', of 2\)"):
        Dpo(training=FAST).align(TransformersModel(str(llava_next), device="cpu"), twice, images, tmp_path)
