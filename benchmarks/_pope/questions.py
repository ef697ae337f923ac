"""POPE's question construction: three present objects and three absent ones for each image.

Li et al. 2023, arXiv:2305.10355, section 4; rules as in the authors' main.py and utils.py (AoiDragon/POPE):
the first three objects in list order are asked as positives, and each is followed by one negative:

- random       any object of the set that is neither in the image nor already asked
- popular      the most frequent such object (frequency: in how many of these images it is)
- adversarial  the object seen most often together with the positive just asked

Counts are made over the given images only; ties keep first-appearance order. Where a list is exhausted the
negative is drawn at random. The same generator calls are made as in the official code, so the rows agree for one seed.

One departure: the official text says "imange" for objects that start with a vowel (a string replacement gone
wrong); the published files do not, and neither do we.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from harness.core.errors import DataError

POSITIVES_PER_IMAGE = 3

Image = tuple[str, Sequence[str]]  # file name, objects in file order


def build_questions(images: Sequence[Image], split: str, seed: int) -> list[dict[str, Any]]:
    """Rows of a POPE file: question_id, image, text, label; alternating yes and no, six an image.

    `images` are taken in the given order, already sampled; those with fewer than three objects are skipped.
    Raises DataError for an unknown split, or when an image leaves no absent object to ask for.
    """
    kept = [(name, objects) for name, objects in images if len(objects) >= POSITIVES_PER_IMAGE]
    rankings = _rankings(kept, split)
    everything = list(_frequency(kept))
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for name, objects in kept:
        asked: list[str] = []
        for positive in objects[:POSITIVES_PER_IMAGE]:
            asked.append(positive)
            rows.append(_row(len(rows) + 1, name, positive, "yes"))
            taken = {*asked, *objects}
            negative = next((o for o in rankings(positive) if o not in taken), None) or _draw(rng, everything, taken, name)
            asked.append(negative)
            rows.append(_row(len(rows) + 1, name, negative, "no"))
    return rows


def article(noun: str) -> str:
    """ "an" before a, e, i, o, u; else "a" (the official rule: by letter, not by sound)."""
    return "an" if noun[:1] in tuple("aeiou") else "a"


def _row(question_id: int, image: str, noun: str, label: str) -> dict[str, Any]:
    text = f"Is there {article(noun)} {noun} in the image?"
    return {"question_id": question_id, "image": image, "text": text, "label": label}


def _rankings(images: Sequence[Image], split: str) -> Callable[[str], Sequence[str]]:
    """positive -> negatives to try, best first; empty where every negative is drawn at random."""
    if split == "random":
        return lambda positive: ()
    if split == "popular":
        popular = [o for o, _ in _by_count(_frequency(images))]
        return lambda positive: popular
    if split == "adversarial":
        together = {o: [p for p, _ in _by_count(c)] for o, c in _co_occurrence(images).items()}
        return lambda positive: together[positive]
    raise DataError(f"POPE has no split {split!r}; choose one of random, popular, adversarial.")


def _by_count(counts: Counter[str]) -> Iterator[tuple[str, int]]:
    return iter(sorted(counts.items(), key=lambda pair: -pair[1]))  # stable: ties keep first appearance


def _frequency(images: Sequence[Image]) -> Counter[str]:
    return Counter(o for _, objects in images for o in objects)


def _co_occurrence(images: Sequence[Image]) -> dict[str, Counter[str]]:
    together: dict[str, Counter[str]] = {}
    for _, objects in images:
        for one in objects:
            together.setdefault(one, Counter()).update(o for o in objects if o != one)
    return together


def _draw(rng: random.Random, everything: list[str], taken: set[str], image: str) -> str:
    # The official loop never ends when nothing is left; a small vocabulary can get there.
    if taken.issuperset(everything):
        raise DataError(
            f"POPE cannot ask for an absent object of {image}: it holds or was asked all {len(everything)} objects "
            "of the set. Use more images, or images with fewer objects."
        )
    while (drawn := rng.choice(everything)) in taken:
        pass
    return drawn
