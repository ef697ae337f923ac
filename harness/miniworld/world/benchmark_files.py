"""The benchmark part of the world in the formats of the real benchmarks: POPE, MMHal-Bench, LLaVA-Bench.

Reference answers and captions describe the true image; POPE is built from the labels, faults included, as the real
one is built from COCO's annotations.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from benchmarks.llava_bench import CATEGORIES
from benchmarks.mmhal_bench import TYPES
from benchmarks.pope import SPLITS, build_questions
from harness.miniworld.world.captions import DETAIL_PROMPTS, Turn, by_size, detailed_caption
from harness.miniworld.world.icons import all_icons
from harness.miniworld.world.questions import MAKERS
from harness.miniworld.world.scenes import Scene, WorldSettings

MMHAL_ITEMS = 96
LLAVA_IMAGES = 24
LLAVA_QUESTIONS = 60
T = TypeVar("T")


def pope_files(images: Sequence[tuple[str, Sequence[str]]], seed: int) -> dict[str, str]:
    """The three question files from (file name, distinct labelled objects), by our own POPE construction."""
    return {f"pope/coco_pope_{split}.json": json_lines(build_questions(images, split=split, seed=seed)) for split in SPLITS}


def mmhal_rows(scenes: Sequence[Scene], names: Mapping[int, str], settings: WorldSettings) -> list[dict[str, Any]]:
    """96 questions, the eight types in turn, each about another image of the val part."""
    rng = random.Random(f"{settings.seed}/mmhal")
    left = rng.sample(list(scenes), len(scenes))
    rows = []
    for number in range(MMHAL_ITEMS):
        kind = TYPES[number % len(TYPES)]
        scene, (question, answer) = take(left, MAKERS[kind], rng)
        rows.append({
            "question_type": kind,
            "question_topic": scene.place.name,
            "image_id": f"{scene.image_id:012d}",
            "image_src": names[scene.image_id],
            "image_content": by_size(scene.kinds),
            "question": question,
            "gt_answer": answer,
            "model_answer": "",
            "image": names[scene.image_id],
        })  # fmt: skip
    return rows


def take(left: list[Scene], make: Callable[[Scene, random.Random], T | None], rng: random.Random) -> tuple[Scene, T]:
    """Take the first scene of which such a question can be asked; used scenes go to the end of the queue."""
    for scene in left:
        turn = make(scene, rng)
        if turn is not None:
            left.remove(scene)
            left.append(scene)
            return scene, turn
    raise ValueError(f"no scene of {len(left)} allows a question made by {make.__name__}")


def llava_files(scenes: Sequence[Scene], names: Mapping[int, str], settings: WorldSettings) -> dict[str, str]:
    """questions.jsonl, context.jsonl and answers_gpt4.jsonl: 60 questions about 24 images."""
    rng = random.Random(f"{settings.seed}/llava bench")
    chosen = rng.sample(list(scenes), min(LLAVA_IMAGES, len(scenes)))
    questions, answers = [], []
    for number in range(LLAVA_QUESTIONS):
        scene = chosen[number % len(chosen)]
        category = CATEGORIES[number // len(chosen) % len(CATEGORIES)]
        question, answer = _llava_turn(category, scene, rng)
        image = names[scene.image_id]
        questions.append({"question_id": number, "image": image, "text": question, "category": category})
        answers.append({"question_id": number, "text": answer, "answer_id": f"reference-{number}"})
    context = [{"image": names[scene.image_id], "caption": detailed_caption(scene, rng)} for scene in chosen]
    return {
        "llava_bench/questions.jsonl": json_lines(questions),
        "llava_bench/context.jsonl": json_lines(context),
        "llava_bench/answers_gpt4.jsonl": json_lines(answers),
    }


def _llava_turn(category: str, scene: Scene, rng: random.Random) -> Turn:
    if category == "detail":
        return DETAIL_PROMPTS[0], detailed_caption(scene, rng)
    turn = MAKERS["complex" if category == "complex" else "conversation"](scene, rng)
    if turn is None:  # neither maker ever refuses
        raise ValueError(f"no {category} question for scene {scene.index}")
    return turn


def nouns_text() -> str:
    """One line a kind: its name, then the synonyms and plurals that captions of this world use."""
    lines = [
        ", ".join(dict.fromkeys((icon.name, icon.plural, *icon.synonyms, *(f"{word}s" for word in icon.synonyms))))
        for icon in all_icons().values()
    ]
    return "\n".join(lines) + "\n"


def json_text(value: Any) -> str:
    return json.dumps(value) + "\n"


def json_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json_text(row) for row in rows)
