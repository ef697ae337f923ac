"""Instruction data in LLaVA-Instruct's format: conversations about training images.

Two kinds of rows: those the tiny model was trained on, with the faults that real instruction data has, and the
prompts with clean chosen answers for alignment (captions and yes/no), which are faithful and complete.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from harness.miniworld.world.captions import (
    DETAIL_PROMPTS,
    Turn,
    absent_kind,
    caption_turn,
    detailed_caption,
    yes_no_sentence,
    yes_no_turn,
)
from harness.miniworld.world.icons import with_article
from harness.miniworld.world.questions import short_turn
from harness.miniworld.world.scenes import Scene, WorldSettings

YES_SHARE = 0.55  # of the yes/no turns in instruction data; real data has more yes than no as well
TYPICAL_SHARE = 0.25  # of the absent objects in questions, those that such a place usually has
YES_NO_TURNS = 6
SHORT_TURNS = 2


def training_turns(scene: Scene, settings: WorldSettings) -> list[Turn]:
    """One caption, six yes/no questions and two others, in random order; follows from the scene alone."""
    rng = random.Random(f"{settings.seed}/turns/{scene.part}/{scene.index}")
    faulty = rng.random() < settings.caption_fault_share
    turns = [caption_turn(scene, rng, wrong=absent_kind(scene, rng, 1.0) if faulty else "")]
    turns += [yes_no_turn(scene, kind, rng, short_share=0.45) for kind in _asked(scene, rng, YES_NO_TURNS)]
    turns += [short_turn(scene, rng) for _ in range(SHORT_TURNS)]
    rng.shuffle(turns)
    return turns


def preference_caption(scene: Scene, settings: WorldSettings) -> Turn:
    """A request for a description with a faithful, complete answer."""
    rng = random.Random(f"{settings.seed}/chosen caption/{scene.index}")
    return rng.choice(DETAIL_PROMPTS), detailed_caption(scene, rng)


def preference_yes_no(scene: Scene, settings: WorldSettings) -> Turn:
    """Is there such an object, half of them absent and half of those typical of the place, with a true answer."""
    rng = random.Random(f"{settings.seed}/chosen yes-no/{scene.index}")
    kind = rng.choice(list(scene.kinds)) if rng.random() < 0.5 else absent_kind(scene, rng, typical_share=0.5)
    return f"Is there {with_article(kind)} in the image?", yes_no_sentence(scene, kind, rng, why_share=0.4)


def row(row_id: str, image: str, turns: Sequence[Turn]) -> dict[str, Any]:
    """A row of llava_instruct_150k.json: the first question carries the image's place."""
    conversation = []
    for number, (question, answer) in enumerate(turns):
        asked = f"<image>\n{question}" if number == 0 else question
        conversation += [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]
    return {"id": row_id, "image": image, "conversations": conversation}


def _asked(scene: Scene, rng: random.Random, count: int) -> list[str]:
    """Kinds to ask for without repeats, a little more than half of them present."""
    present = list(scene.kinds)
    rng.shuffle(present)
    asked: list[str] = []
    while len(asked) < count:
        if present and rng.random() < YES_SHARE:
            asked.append(present.pop())
            continue
        kind = absent_kind(scene, rng, TYPICAL_SHARE)
        if kind not in asked:
            asked.append(kind)
    return asked
