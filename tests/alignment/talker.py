"""A policy that answers while it trains, without generation: what it says follows from its weights and the seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch

from harness.core.evaluation import Answer, Request
from tests.alignment.tiny import TinyPolicy

FAST = {"learning_rate": 1e-3, "batch_size": 2, "micro_batch": 2, "epochs": 2, "save_every": 1}
NOUNS = ("dog", "car", "table", "boat", "tree", "cup", "chair")


class Talker(TinyPolicy):
    """Says a noun that depends on the request's seed and, to the last bit, on its weights."""

    forgotten = 0
    asked: set[int] = frozenset()
    silent = False
    stopped = "stop"

    def generate(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Answer]]]:
        assert not any(part.training for part in self.module.modules())  # nor an adapter's dropout
        bits = int(self.module.model.language_model.layers[0].mlp.up_proj.weight.detach().view(torch.int32).sum())
        for i, request in enumerate(requests):
            self.asked |= {request.decoding.seed}
            text = "" if self.silent else f" {NOUNS[(request.decoding.seed + bits) % len(NOUNS)]}."
            ids = self.answer_ids(request.image, request.text, text).tolist()
            said = ids[:-1] if self.stopped == "length" else ids  # one that ran into the limit never said its end
            yield [(i, Answer("", text, 2, self.stopped, token_ids=tuple(said)))]

    def forget_features(self) -> None:
        self.forgotten += 1


class Steady(Talker):
    """Says what the request's seed decides, whatever the last bits of its weights."""

    def generate(self, requests):
        for i, request in enumerate(requests):
            text = f" {('dog', 'car', 'cup', 'boat')[request.decoding.seed % 4]}."
            ids = tuple(self.answer_ids(request.image, request.text, text).tolist())
            yield [(i, Answer("", text, 2, "stop", token_ids=ids))]


class Likes:
    """Rewards one word; None where it cannot say."""

    def __init__(self, word: str = "dog", known: bool = True) -> None:
        self.word, self.known = word, known

    def facts(self):
        return {"reward": self.word}

    def __call__(self, pair, answers, image_root):
        return [float(self.word in answer) if self.known else None for answer in answers]


class Killed(Exception):
    """What a test stops a training with."""


def kill_after(steps: int):
    def progress(what: str, done: int, total: int) -> None:
        if what.startswith("training") and done == steps:
            raise Killed

    return progress


def whole_and_killed(aligner, new_policy, pairs, images, folder, stops=(2,)):
    """A training done at a stretch, and one that was killed after each of these steps and started again."""
    whole = aligner.align(new_policy(), pairs, images, folder / "whole")
    for stop in stops:
        with pytest.raises(Killed):
            aligner.align(new_policy(), pairs, images, folder / "cut", progress=kill_after(stop))
    return whole, aligner.align(new_policy(), pairs, images, folder / "cut")
