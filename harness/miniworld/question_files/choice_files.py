"""The benchmark part of the world in the formats of MMStar, MMVP and NaturalBench: letters and groups of questions.

The drawn world has no science, charts or code: every axis of MMStar asks about objects, colours and places, so that each has
items. Edited images are the planned scene without one object, everything else the same to the pixel.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from benchmarks.choice.mmstar import AXES
from harness.miniworld.world.benchmark_files import json_lines, take
from harness.miniworld.world.captions import absent_kind
from harness.miniworld.world.icons import all_icons, with_article
from harness.miniworld.world.questions import MAKERS
from harness.miniworld.world.scenes import PLACES, Scene

AXIS_ITEMS, PAIRS, GROUPS = 4, 30, 30
_LETTERS = "ABCD"


@dataclass(slots=True)
class Made:
    """Text files by name; images to copy and edited scenes to paint, by name."""

    texts: dict[str, str] = field(default_factory=dict)
    copied: dict[str, Scene] = field(default_factory=dict)
    painted: dict[str, Scene] = field(default_factory=dict)

    def add(self, other: Made) -> None:
        self.texts |= other.texts
        self.copied |= other.copied
        self.painted |= other.painted


def without(scene: Scene, rng: random.Random) -> tuple[str, Scene] | None:
    """An object's kind and the scene without it: the only one of its kind, nothing stands on it, well visible."""
    held = {thing.on for thing in scene.things}
    places = [
        n
        for n, thing in enumerate(scene.things)
        if n not in held and scene.kinds[thing.kind] == 1 and thing.opacity > 0.5 and len(scene.kinds) > 2
    ]
    if not places:
        return None
    gone = rng.choice(places)
    kept = [replace(t, on=t.on - (t.on > gone)) for n, t in enumerate(scene.things) if n != gone]
    return scene.things[gone].kind, replace(scene, things=tuple(kept))


def choice_files(scenes: Sequence[Scene], seed: int) -> Made:
    made = Made()
    for name, make in (("mmstar", _mmstar), ("mmvp", _mmvp), ("naturalbench", _naturalbench)):
        rng = random.Random(f"{seed}/{name}")
        made.add(make(rng.sample(list(scenes), len(scenes)), rng))
    return made


def _mmstar(scenes: list[Scene], rng: random.Random) -> Made:
    rows, made = [], Made()
    axes = [(category, axis) for category, names in AXES.items() for axis in names]
    for number in range(AXIS_ITEMS * len(axes)):
        category, axis = axes[number % len(axes)]
        scene, (question, right, wrong) = take(scenes, (_which, _colour, _place)[number % 3], rng)
        texts = rng.sample([right, *wrong], len(wrong) + 1)
        listed = ", ".join(f"{letter}: {text}" for letter, text in zip(_LETTERS, texts, strict=False))
        image = f"{number}.jpg"
        rows.append({
            "index": number,
            "question": f"{question}\nOptions: {listed}",
            "image": image,
            "answer": _LETTERS[texts.index(right)],
            "category": category,
            "l2_category": axis,
            "bench": "miniature world",
        })  # fmt: skip
        made.copied[f"mmstar/images/{image}"] = scene
    made.texts["mmstar/mmstar.jsonl"] = json_lines(rows)
    return made


Choice = tuple[str, str, list[str]]  # question, right option, three wrong ones


def _which(scene: Scene, rng: random.Random) -> Choice:
    absent = [kind for kind in all_icons() if kind not in scene.kinds]
    return "Which of these is in the image?", rng.choice(list(scene.kinds)), rng.sample(absent, 3)


def _colour(scene: Scene, rng: random.Random) -> Choice | None:
    turn = MAKERS["attribute"](scene, rng)
    if turn is None:
        return None
    colour = turn[1].split()[-1].rstrip(".")
    others = sorted({c for icon in all_icons().values() for c in icon.colours} - {colour})
    return turn[0], colour, rng.sample(others, 3)


def _place(scene: Scene, rng: random.Random) -> Choice:
    others = [place.name for place in PLACES if place.name != scene.place.name]
    return "What kind of place is this?", scene.place.name, rng.sample(others, 3)


def _mmvp(scenes: list[Scene], rng: random.Random) -> Made:
    """Pairs: an image and the same one without an object."""
    made, rows = Made(), list[list[str]]()
    for pair in range(PAIRS):
        scene, (kind, emptied) = take(scenes, without, rng)
        question, first = f"Is there {with_article(kind)} in the image?", rng.random() < 0.5
        for place, whole in enumerate((first, not first), 1):
            index = 2 * pair + place
            rows.append([str(index), question, "(a) Yes (b) No", "(a)" if whole else "(b)"])
            (made.copied if whole else made.painted)[f"mmvp/MMVP Images/{index}.jpg"] = scene if whole else emptied
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["Index", "Question", "Options", "Correct Answer"], *rows])
    made.texts["mmvp/Questions.csv"] = text.getvalue()
    return made


def _naturalbench(scenes: list[Scene], rng: random.Random) -> Made:
    """Question 0 is true of image 0 alone, question 1 of image 1 alone; every fifth group has letters."""
    made, rows = Made(), []
    for index in range(GROUPS):
        (one, (first, _)), (other, second) = take(scenes, _single, rng), (scenes[0], "")
        other, second = _another(scenes, one, first, rng)
        row: dict[str, object] = {"Index": index, "Question_Type": "multiple_choice" if index % 5 == 4 else "yes_no"}
        words = ("A", "B") if index % 5 == 4 else ("Yes", "No")
        options = "\nOption: A: yes; B: no" if index % 5 == 4 else ""
        for number, (scene, kind) in enumerate(((one, first), (other, second))):
            row |= {f"Image_{number}": f"{index}_{number}.jpg"}
            row |= {f"Question_{number}": f"Is there {with_article(kind)} in the image?{options}"}
            row |= {f"Image_{image}_Question_{number}": words[image != number] for image in (0, 1)}
            made.copied[f"naturalbench/images/{index}_{number}.jpg"] = scene
        rows.append({**row, "Source": "miniature world"})
    made.texts["naturalbench/naturalbench.jsonl"] = json_lines(rows)
    return made


def _single(scene: Scene, rng: random.Random) -> tuple[str, str]:
    kind = rng.choice(list(scene.kinds))
    return kind, absent_kind(scene, rng, typical_share=0.5)


def _another(scenes: list[Scene], one: Scene, first: str, rng: random.Random) -> tuple[Scene, str]:
    """A scene without `first`, and a kind in it that `one` lacks."""
    for scene in scenes:
        own = [kind for kind in scene.kinds if kind not in one.kinds]
        if first not in scene.kinds and own:
            return scene, rng.choice(own)
    raise ValueError(f"every scene has a {first} or only what scene {one.index} has")
