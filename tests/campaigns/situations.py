"""Random situations: which requests meet, with how much room, and what goes wrong on the way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.evaluation import Decoding, HiddenImage, NoisyImage, Request
from harness.core.preference import IMAGE_MARK

WORDS = (
    *("a", "the", "car", "cat", "dog", "image", "table", "in", "on", "near", "of", "is", "there", "please", "describe"),
    *("this", "why", "no", "yes", "oven", "bird", "sits", "it", "Über", "。", "é"),
)
STOPS = ("e", "a ", ".", "é", "the", "\n", "。", "car")
KINDS = ("greedy", "greedy", "any", "any", "any", "score")


@dataclass(frozen=True)
class Situation:
    """`kind`: greedy and any are answered (any: sampled ones and stops among them), score: given answers are scored.

    slots, rows: the budget; starved: how likely a pass of several rows finds no memory; cut: answers known from an interrupted
    run, as a share; by_generate: the reference is `generate`, not one forward.
    """

    kind: str
    requests: tuple[Request, ...]
    answers: tuple[str, ...]
    slots: int
    rows: int
    starved: float
    cut: float
    by_generate: bool
    seed: int


def draw_situation(draw: random.Random, images: Sequence[Path], hides: bool, seed: int, several: bool = False) -> Situation:
    """`hides`: image tokens may be hidden; `several`: some prompts show two or three images."""
    kind = draw.choice(KINDS)
    seen: list[Path | None] = [*draw.sample(list(images), draw.randint(1, len(images)))]
    if draw.random() < 0.4:
        seen.append(None)
    if draw.random() < 0.1:
        seen = [None]
    asked = tuple(_request(draw, draw.choice(seen), kind, hides) for _ in range(draw.randint(1, 8)))
    if draw.random() < 0.3:  # the same words again and again, as judges and suffixes have them
        asked = tuple(replace(r, text=asked[0].text) for r in asked)
    if several:
        own = random.Random(f"{seed} {[r.text for r in asked]}")  # the other draws stay those of one image a prompt
        asked = tuple(_several(own, r, images) if r.image is not None and own.random() < 0.35 else r for r in asked)
    small = draw.random() < 0.3
    return Situation(
        kind=kind,
        requests=asked,
        answers=tuple(_text(draw, draw.choice([0, 1, 1, 4, 20])) for _ in asked),
        slots=draw.choice([60, 150, 400]) if small else 32_768,
        rows=draw.choice([1, 2, 5]) if small else 256,
        starved=draw.choice([0.0, 0.0, 0.0, 0.15]),
        cut=draw.choice([0.0, 0.0, 0.5]),
        by_generate=draw.random() < 0.15,
        seed=seed,
    )


def _request(draw: random.Random, image: Path | None, kind: str, hides: bool) -> Request:
    sampled = kind == "any" and draw.random() < 0.5
    decoding = Decoding(
        max_new_tokens=draw.choice([1, 2, 3, 6, 12]),
        temperature=draw.choice([0.7, 1.0, 1.5]) if sampled else 0.0,
        top_p=draw.choice([1.0, 0.9, 0.5]) if sampled else 1.0,
        seed=draw.randrange(1000),
        stop=tuple(draw.sample(STOPS, draw.choice([1, 3]))) if kind == "any" and draw.random() < 0.4 else (),
        min_new_tokens=draw.choice([0, 0, 4]) if kind == "any" else 0,
    )
    veiled = hides and image is not None
    hidden = HiddenImage(draw.choice([0.0, 0.3, 0.7, 0.99, 1.0]), draw.randrange(3)) if veiled and draw.random() < 0.3 else None
    noise = NoisyImage(draw.choice([1, 300, 999]), draw.randrange(3)) if image is not None and draw.random() < 0.15 else None
    prefix = _text(draw, draw.choice([0, 0, 0, 1, 4, 30]))
    return Request(image, _text(draw, _length(draw)), decoding, prefix, hidden, noise)


def _several(draw: random.Random, request: Request, images: Sequence[Path]) -> Request:
    """The request about several images, the same one twice at times, in front of its words or among them."""
    shown = tuple(draw.choices(images, k=draw.choice([2, 2, 3])))
    words = request.text.split(" ")
    if draw.random() < 0.5:
        for _ in shown:
            words.insert(draw.randint(0, len(words)), IMAGE_MARK)
    return replace(request, image=shown, text=" ".join(words), noise=None)


def _length(draw: random.Random) -> int:
    """Words of a question: mostly few, seldom very many."""
    if draw.random() < 0.003:
        return 1500
    return draw.choice([0, 1, 3, 3, 6, 6, 12, 12, 12, 25, 25, 60, draw.choice([60, 200])])


def _text(draw: random.Random, n: int) -> str:
    return " ".join(draw.choices(WORDS, k=n))
