"""Short questions about a scene with their answers, of MMHal-Bench's eight types, and LLaVA-Bench's three.

The tiny model sees these forms in training about other images, so the benchmarks ask nothing it cannot read.
A maker returns None where its question cannot be asked of the scene.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import permutations

from harness.miniworld.world.captions import (
    COUNT_WORDS,
    DETAIL_PROMPTS,
    Turn,
    absent_kind,
    amount,
    by_size,
    detailed_caption,
    listing,
    place_words,
    sentence,
    side,
)
from harness.miniworld.world.icons import all_icons
from harness.miniworld.world.scenes import Scene, Thing


def _single(scene: Scene) -> list[Thing]:
    """Objects whose kind occurs once, so that "the dog" is clear."""
    return [thing for thing in scene.things if scene.kinds[thing.kind] == 1]


def attribute(scene: Scene, rng: random.Random) -> Turn | None:
    things = [thing for thing in _single(scene) if all_icons()[thing.kind].tells_colour]
    if not things:
        return None
    thing = rng.choice(things)
    return f"What color is the {thing.kind}?", f"The {thing.kind} is {thing.colour}."


def adversarial(scene: Scene, rng: random.Random) -> Turn | None:
    """A question with a false premise: about an object that is absent."""
    kind = absent_kind(scene, rng, typical_share=0.6)
    forms = [f"Where is the {kind} in the image?"]
    if all_icons()[kind].tells_colour:
        forms.append(f"What color is the {kind}?")
    return rng.choice(forms), f"There is no {kind} in the image."


def comparison(scene: Scene, rng: random.Random) -> Turn | None:
    """Which of two is larger in the image; asked only where one has twice the other's area."""
    pairs = [(a, b) for a, b in permutations(_single(scene), 2) if _area(a) > 2 * _area(b)]
    if not pairs:
        return None
    large, small = rng.choice(pairs)
    first, second = (large, small) if rng.random() < 0.5 else (small, large)
    return f"Which is larger, the {first.kind} or the {second.kind}?", f"The {large.kind} is larger than the {small.kind}."


def counting(scene: Scene, rng: random.Random) -> Turn | None:
    kinds = scene.kinds
    kind = rng.choices(list(kinds), [count**2 for count in kinds.values()])[0]
    verb, name = ("is", kind) if kinds[kind] == 1 else ("are", all_icons()[kind].plural)
    answer = f"There {verb} {COUNT_WORDS[kinds[kind]]} {name} in the image."
    return f"How many {all_icons()[kind].plural} are in the image?", answer


def relation(scene: Scene, rng: random.Random) -> Turn | None:
    """Left or right of another object; asked only where they are well apart."""
    pairs = [(a, b) for a, b in permutations(_single(scene), 2) if abs(a.centre[0] - b.centre[0]) > 24]
    if not pairs:
        return None
    one, other = rng.choice(pairs)
    where = "left" if one.centre[0] < other.centre[0] else "right"
    question = f"Is the {one.kind} to the left or to the right of the {other.kind}?"
    return question, f"The {one.kind} is to the {where} of the {other.kind}."


def environment(scene: Scene, rng: random.Random) -> Turn | None:
    question = rng.choice(("Where was this picture taken?", "What kind of place is this?"))
    return question, f"The picture was taken {scene.place.where}."


def holistic(scene: Scene, rng: random.Random) -> Turn | None:
    return rng.choice(DETAIL_PROMPTS), detailed_caption(scene, rng)


def other(scene: Scene, rng: random.Random) -> Turn | None:
    """Where something is: on which furniture, or on which side."""
    holders = [thing for thing in _single(scene) if any(scene.things[t.on] is thing for t in scene.things if t.on >= 0)]
    if holders and rng.random() < 0.5:
        holder = rng.choice(holders)
        return f"What is on the {holder.kind}?", f"{sentence(_on_it(scene, holder))} on the {holder.kind}."
    things = [thing for thing in _single(scene) if abs(thing.centre[0] - 56) > 12]
    if not things:
        return None
    thing = rng.choice(things)
    return f"Where is the {thing.kind} in the image?", f"The {thing.kind} is on the {side(thing)} side of the image."


def complex_reasoning(scene: Scene, rng: random.Random) -> Turn | None:
    """LLaVA-Bench's third category: an answer that combines the place with its objects."""
    kinds = scene.kinds
    named = listing([amount(kind, kinds[kind]) for kind in by_size(kinds)[:2]])
    question = rng.choice(("What could a person do in this place?", "What can people do here, and why?"))
    return question, f"A person could {scene.place.activity} here, because this is {scene.place.phrase} with {named}."


def conversation_turn(scene: Scene, rng: random.Random) -> Turn:
    """LLaVA-Bench's first category: a simple question about a visible object."""
    kind = rng.choice([kind for kind, count in scene.kinds.items() if count == min(scene.kinds.values())])
    coloured = attribute(scene, rng)
    if coloured and rng.random() < 0.5:
        return coloured
    return f"Where is the {kind}?", f"The {kind} is {place_words(scene, kind, by_size(scene.kinds))}."


MAKERS: dict[str, Callable[[Scene, random.Random], Turn | None]] = {
    "attribute": attribute,
    "adversarial": adversarial,
    "comparison": comparison,
    "counting": counting,
    "relation": relation,
    "environment": environment,
    "holistic": holistic,
    "other": other,
    "complex": complex_reasoning,
    "conversation": conversation_turn,
}
_TRAINING_WEIGHTS = {
    "attribute": 5, "adversarial": 2, "comparison": 3, "counting": 5, "relation": 3, "environment": 2, "other": 4,
    "complex": 2, "conversation": 3,
}  # fmt: skip


def short_turn(scene: Scene, rng: random.Random) -> Turn:
    """A question of a random type with its true answer, for instruction data."""
    while True:
        name = rng.choices(list(_TRAINING_WEIGHTS), list(_TRAINING_WEIGHTS.values()))[0]
        turn = MAKERS[name](scene, rng)
        if turn:
            return turn


def _on_it(scene: Scene, holder: Thing) -> str:
    counts: dict[str, int] = {}
    for thing in scene.things:
        if thing.on >= 0 and scene.things[thing.on] is holder:
            counts[thing.kind] = counts.get(thing.kind, 0) + 1
    verb = "is" if sum(counts.values()) == 1 else "are"
    return f"{listing([amount(kind, count) for kind, count in counts.items()])} {verb}"


def _area(thing: Thing) -> float:
    return (thing.box[2] - thing.box[0]) * (thing.box[3] - thing.box[1])
