"""The benchmark part of the world in the formats of GQA, TextVQA, MM-Vet, AMBER and Object HalBench.

The first four bring their own images, so those asked about are copied to their folders. Nothing is written on the drawn
images: the TextVQA-style file asks for colours, with ten people's answers of which two differ, as real ones do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from harness.miniworld.world.benchmark_files import json_lines, json_text, take
from harness.miniworld.world.captions import COUNT_WORDS, DETAIL_PROMPTS, Turn, absent_kind, by_size
from harness.miniworld.world.icons import all_icons, with_article
from harness.miniworld.world.questions import MAKERS
from harness.miniworld.world.scenes import PLACES, Scene, WorldSettings

ITEMS = 120  # questions of each benchmark
_MMVET = {"attribute": ["rec"], "counting": ["rec"], "relation": ["rec", "spat"], "holistic": ["rec", "gen"]}
_SAFE_WORDS = ("image", "picture", "background", "side", "room", *(word for place in PLACES for word in place.name.split()))

Files = tuple[dict[str, str], dict[str, Scene]]  # text files by name; images to copy by name


def question_files(scenes: Sequence[Scene], settings: WorldSettings) -> Files:
    """All files of the five benchmarks, and which scene's image belongs under which name."""
    texts: dict[str, str] = {}
    images: dict[str, Scene] = {}
    for name, make in (("gqa", _gqa), ("textvqa", _textvqa), ("mmvet", _mmvet), ("amber", _amber), ("halbench", _halbench)):
        rng = random.Random(f"{settings.seed}/{name}")
        made, shown = make(rng.sample(list(scenes), len(scenes)), rng)
        texts |= made
        images |= shown
    return texts, images


def _gqa(scenes: list[Scene], rng: random.Random) -> Files:
    """Yes or no (verify), a colour (query) and which of two is larger (choose), by question id."""
    makers: tuple[tuple[str, Callable[[Scene, random.Random], Turn | None]], ...] = (
        ("verify", _there),
        ("query", _colour),
        ("choose", _larger),
    )
    rows: dict[str, Any] = {}
    images = {}
    for number in range(ITEMS):
        kind, make = makers[number % len(makers)]
        scene, (question, answer) = take(scenes, make, rng)
        rows[f"{number:08d}"] = {
            "question": question,
            "answer": answer,
            "imageId": str(scene.image_id),
            "types": {"structural": kind},
        }
        images[f"gqa/images/{scene.image_id}.jpg"] = scene
    return {"gqa/testdev_balanced_questions.json": json_text(rows)}, images


def _textvqa(scenes: list[Scene], rng: random.Random) -> Files:
    rows = []
    images = {}
    for number in range(ITEMS):
        scene, (question, answer) = take(scenes, _colour, rng)
        answers = [answer] * 8 + ["answering does not require reading text in the image", "unanswerable"]
        rows.append({"question_id": number, "image_id": str(scene.image_id), "question": question, "answers": answers})
        images[f"textvqa/train_images/{scene.image_id}.jpg"] = scene
    return {"textvqa/TextVQA_0.5.1_val.json": json_text({"data": rows})}, images


def _mmvet(scenes: list[Scene], rng: random.Random) -> Files:
    """Answers are what a grader looks for: words, all of which are required where <AND> joins them."""
    rows: dict[str, Any] = {}
    images = {}
    for number in range(ITEMS):
        kind = list(_MMVET)[number % len(_MMVET)]
        scene, (question, answer) = take(scenes, MAKERS[kind], rng)
        if kind == "holistic":
            answer = " <AND> ".join(by_size(scene.kinds))
        image = f"v1_{number}.jpg"
        rows[f"v1_{number}"] = {"imagename": image, "question": question, "answer": answer, "capability": _MMVET[kind]}
        images[f"mmvet/images/{image}"] = scene
    return {"mmvet/mm-vet.json": json_text(rows)}, images


def _amber(scenes: list[Scene], rng: random.Random) -> Files:
    """A third descriptions; the rest yes/no about existence, number, colour (a state) and sides (a relation)."""
    annotations, queries = [], []
    images = {}
    for number in range(1, ITEMS + 1):
        make = (_describe, _exists, _describe, _number, _state, _beside)[number % 6]
        scene, (query, row) = take(scenes, make, rng)
        image = f"AMBER_{number}.jpg"
        annotations.append({"id": number, **row})
        queries.append({"id": number, "image": image, "query": query})
        images[f"amber/image/{image}"] = scene
    related = {_noun(kind): [w for w in icon.synonyms if w != _noun(kind)] for kind, icon in all_icons().items()}
    return {
        "amber/annotations.json": json_text(annotations),
        "amber/query/query_all.json": json_text(queries),
        "amber/relation.json": json_text(related),
        "amber/safe_words.txt": "\n".join(dict.fromkeys(_SAFE_WORDS)) + "\n",
    }, images


def _halbench(scenes: list[Scene], rng: random.Random) -> Files:
    rows = [{"image_id": scene.image_id, "question": rng.choice(DETAIL_PROMPTS)} for scene in scenes[:ITEMS]]
    return {"object_halbench/obj_halbench_300_with_image.jsonl": json_lines(rows)}, {}


AmberTurn = tuple[str, dict[str, Any]]  # query, annotation


def _describe(scene: Scene, rng: random.Random) -> AmberTurn:
    absent = {_noun(absent_kind(scene, rng, typical_share=1.0)) for _ in range(3)}
    truth = [_noun(kind) for kind in by_size(scene.kinds)]
    return "Describe this image.", {"type": "generative", "truth": truth, "hallu": sorted(absent - set(truth))}


def _exists(scene: Scene, rng: random.Random) -> AmberTurn:
    question, answer = _there(scene, rng)
    return question, _decided("discriminative-hallucination", answer)


def _number(scene: Scene, rng: random.Random) -> AmberTurn | None:
    several = [kind for kind, count in scene.kinds.items() if count > 1]
    if not several:
        return None
    kind = rng.choice(several)
    said = rng.choice([scene.kinds[kind], scene.kinds[kind] + 1])
    question = f"Are there {COUNT_WORDS[said]} {all_icons()[kind].plural} in the image?"
    return question, _decided("discriminative-attribute-number", "yes" if said == scene.kinds[kind] else "no")


def _state(scene: Scene, rng: random.Random) -> AmberTurn | None:
    turn = _colour(scene, rng)
    if turn is None:
        return None
    question, colour = turn
    thing = question.removeprefix("What color is the ").removesuffix("?")
    said = rng.choice([colour, rng.choice([c for c in all_icons()[thing].colours if c != colour] or [colour])])
    return f"Is the {thing} {said}?", _decided("discriminative-attribute-state", "yes" if said == colour else "no")


def _beside(scene: Scene, rng: random.Random) -> AmberTurn | None:
    turn = MAKERS["relation"](scene, rng)
    if turn is None:
        return None
    things = turn[0].removeprefix("Is the ").removesuffix("?")
    one, other = things.split(" to the left or to the right of the ")
    side = rng.choice(("left", "right"))
    answer = "yes" if f" to the {side} of " in turn[1] else "no"
    return f"Is the {one} to the {side} of the {other}?", _decided("discriminative-relation", answer)


def _decided(kind: str, answer: str) -> dict[str, Any]:
    return {"type": kind, "truth": answer}


def _there(scene: Scene, rng: random.Random) -> Turn:
    present = rng.random() < 0.5
    kind = rng.choice(list(scene.kinds)) if present else absent_kind(scene, rng, typical_share=0.5)
    return f"Is there {with_article(kind)} in the image?", "yes" if present else "no"


def _colour(scene: Scene, rng: random.Random) -> Turn | None:
    turn = MAKERS["attribute"](scene, rng)
    return turn and (turn[0], turn[1].split()[-1].rstrip("."))


def _larger(scene: Scene, rng: random.Random) -> Turn | None:
    turn = MAKERS["comparison"](scene, rng)
    return turn and (turn[0], turn[1].removeprefix("The ").split(" is larger")[0])


def _noun(kind: str) -> str:
    """AMBER compares single nouns: "traffic light" is matched by its last word."""
    return kind.rsplit(maxsplit=1)[-1]
