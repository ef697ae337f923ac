"""Answers and rewards that do not depend on the policy, so that two trainers can learn from the same ones."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alignment.data.pairs import image_of
from harness.core.evaluation import Answer, Request
from harness.core.preference import PreferencePair
from harness.models.transformers import TransformersModel
from tests.campaigns.beside_trl.golden import GOLDEN, made_pairs

K = 3  # answers a prompt
IMAGES = GOLDEN / "images"
NOUNS = ("cat", "dog", "tree", "lamp", "table", "red", "blue", "white")


def prompts() -> list[PreferencePair]:
    """The golden pairs, each with a prompt of its own, by which its answers are found again."""
    return [replace(pair, prompt=f"Describe the {noun}.") for pair, noun in zip(made_pairs(), NOUNS, strict=True)]


def answer(prompt: str, number: int) -> str:
    """The answer `number` to a prompt: two to eight words."""
    chance = random.Random(f"{prompt}{number}")
    return "There is a " + " ".join(chance.choices(("red", "blue", "near", "under", "lamp"), k=chance.randint(1, 7))) + "."


def reward(prompt: str, text: str) -> float:
    """A number in [-1, 1) that depends on every letter."""
    return int(hashlib.sha256((prompt + text.strip()).encode()).hexdigest()[:6], 16) / 16**6 * 2 - 1


class Digest:
    """That as the reward of an aligner (`alignment.online.reward_model.Reward`)."""

    def facts(self) -> dict[str, str]:
        return {"reward": "digest"}

    def __call__(self, pair: PreferencePair, answers: Sequence[str], image_root: Path) -> list[float | None]:
        return [reward(pair.prompt, text) for text in answers]


def token_ids(policy: TransformersModel) -> dict[str, list[list[int]]]:
    """Of the K answers to each prompt."""
    return {
        pair.prompt: [policy.answer_ids(image_of(pair, IMAGES), pair.prompt, answer(pair.prompt, n)).tolist() for n in range(K)]
        for pair in prompts()
    }


class Given(TransformersModel):
    """A policy that answers every K requests of a prompt with the K given answers."""

    def generate(self, requests: Sequence[Request], *_: Any) -> Iterator[list[tuple[int, Answer]]]:
        for i, request in enumerate(requests):
            text = answer(request.text, i % K)
            ids = tuple(self.answer_ids(request.image, request.text, text).tolist())
            yield [(i, Answer("", text, len(ids), "stop", token_ids=ids))]
