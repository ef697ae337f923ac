"""Texts about a scene: captions, yes/no turns and the words used for both.

Every function takes the planned scene (the true content, faint objects included) and a `random.Random`.
Chosen answers for alignment are made with `wrong=""`: faithful, and complete with counts.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from harness.miniworld.world.icons import all_icons, with_article
from harness.miniworld.world.scenes import Scene, Thing

Turn = tuple[str, str]  # question, answer

COUNT_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")

DETAIL_PROMPTS = (
    "Please describe this image in detail.",
    "Describe this image in detail.",
    "Describe the image in detail.",
    "What do you see in this image?",
    "Describe the following image.",
)
BRIEF_PROMPTS = (
    "Provide a brief description of the given image.",
    "Describe this image.",
    "Generate a short caption of the image.",
)
YES_NO_SUFFIXES = ("\nPlease answer yes or no.", "\nAnswer the question using a single word or phrase.")
_OPENINGS = ("This is {}.", "The image shows {}.", "The picture was taken {where}.")
_CLOSINGS = ("{} can also be seen.", "There {be} also {}.", "In the background, there {be} {}.")
_REFERENCE_FORMS = (
    "{place} with {things}.",
    "{things} {where}.",
    "There {be} {things} here.",
    "A view of {things}.",
    "{things}.",
)
_YES_NO_QUESTIONS = ("Is there {} in the picture?", "Can you see {} in the image?", "Does the image show {}?")


def amount(kind: str, count: int) -> str:
    """ "a dog", "two dogs"."""
    return with_article(kind) if count == 1 else f"{COUNT_WORDS[count]} {all_icons()[kind].plural}"


def listing(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def by_size(kinds: Mapping[str, int]) -> list[str]:
    """Names, usually largest objects first: the order in which captions mention them."""
    return sorted(kinds, key=lambda kind: -all_icons()[kind].length_px)


def detailed_caption(scene: Scene, rng: random.Random, wrong: str = "") -> str:
    """Two to four sentences naming everything with its count; `wrong` is an absent kind to name as well."""
    kinds = dict(scene.kinds)
    if wrong:
        kinds[wrong] = 1
    names = by_size(kinds)
    head = names[: 2 if len(names) < 5 else 3]
    rest = names[len(head) :]
    parts = [rng.choice(_OPENINGS).format(scene.place.phrase, where=scene.place.where)]
    parts.append(f"There {_be(head, kinds)} {listing([amount(kind, kinds[kind]) for kind in head])}.")
    if rest:
        told = rest[0] if wrong in rest[:1] else _with_relation(scene, rest)
        parts.append(_relation_sentence(scene, told, kinds, head))
        rest = [kind for kind in rest if kind != told]
    if rest:
        words = listing([amount(kind, kinds[kind]) for kind in rest])
        parts.append(sentence(rng.choice(_CLOSINGS).format(words, be=_be(rest, kinds))))
    return " ".join(parts)


def brief_caption(scene: Scene, rng: random.Random) -> str:
    """One sentence with up to three objects."""
    kinds = scene.kinds
    named = by_size(kinds)[: rng.randint(2, 3)]
    return f"{sentence(scene.place.phrase)} with {listing([amount(kind, kinds[kind]) for kind in named])}."


def caption_turn(scene: Scene, rng: random.Random, wrong: str = "") -> Turn:
    """A request for a description and its answer; one in eight is brief."""
    if rng.random() < 0.125:
        return rng.choice(BRIEF_PROMPTS), brief_caption(scene, rng)
    prompt = DETAIL_PROMPTS[0] if rng.random() < 0.5 else rng.choice(DETAIL_PROMPTS)
    return prompt, detailed_caption(scene, rng, wrong)


def absent_kind(scene: Scene, rng: random.Random, typical_share: float) -> str:
    """A kind that is not there; with this share one that such a place usually has."""
    there = scene.kinds
    typical = [kind for kind in scene.place.kinds if kind not in there]
    if typical and rng.random() < typical_share:
        return rng.choice(typical)
    return rng.choice([kind for kind in all_icons() if kind not in there])


def yes_no_turn(scene: Scene, kind: str, rng: random.Random, *, short_share: float, why_share: float = 0.15) -> Turn:
    """Is there such an object? `short_share` of the questions ask for a yes or no and get a short one."""
    question = f"Is there {with_article(kind)} in the image?"
    if rng.random() < 0.2:
        question = rng.choice(_YES_NO_QUESTIONS).format(with_article(kind))
    count = scene.kinds.get(kind, 0)
    if rng.random() < short_share:
        suffix = rng.choices(YES_NO_SUFFIXES, (3, 1))[0]
        return question + suffix, ("Yes" if count else "No") + ("." if suffix is YES_NO_SUFFIXES[0] else "")
    return question, yes_no_sentence(scene, kind, rng, why_share)


def yes_no_sentence(scene: Scene, kind: str, rng: random.Random, why_share: float) -> str:
    """ "Yes, there are two dogs in the image. They are near the bench." or "No, there is no dog in the image."."""
    count = scene.kinds.get(kind, 0)
    if not count:
        answer = f"No, there is no {kind} in the image."
        if rng.random() < why_share:
            named = by_size(scene.kinds)[0]
            answer += f" There {_be([named], scene.kinds)} {amount(named, scene.kinds[named])}."
        return answer
    answer = f"Yes, there {'is' if count == 1 else 'are'} {amount(kind, count)} in the image."
    if rng.random() < why_share:
        subject = "It is" if count == 1 else "They are"
        answer += f" {subject} {place_words(scene, kind, by_size(scene.kinds))}."
    return answer


def reference_captions(scene: Scene, rng: random.Random) -> list[str]:
    """Five captions as people write them: short, incomplete, sometimes with synonyms for an object."""
    kinds = scene.kinds
    weights = [all_icons()[kind].length_px for kind in kinds]
    captions = []
    for form in _REFERENCE_FORMS:
        named = list(dict.fromkeys(rng.choices(list(kinds), weights, k=rng.randint(1, 4))))
        words = listing([_spoken(kind, kinds[kind], rng) for kind in named])
        filled = form.format(place=scene.place.phrase, where=scene.place.where, things=words, be=_be(named, kinds))
        captions.append(sentence(filled))
    return captions


def place_words(scene: Scene, kind: str, others: Sequence[str]) -> str:
    """Where the first object of this kind is, seen from another kind: "on the couch", "near the bench"."""
    same = [thing for thing in scene.things if thing.kind == kind]
    thing = same[0]
    if thing.on >= 0 and all(t.on == thing.on for t in same):
        return f"on the {scene.things[thing.on].kind}"
    other = next((t for name in others if name != kind for t in scene.things if t.kind == name), None)
    if other is None:
        return f"on the {side(thing)} side of the image"
    dx, dy = thing.centre[0] - other.centre[0], thing.centre[1] - other.centre[1]
    plural = scene.kinds[other.kind] > 1
    words = "near" if plural or dx * dx + dy * dy < 34 * 34 else f"to the {'left' if dx < 0 else 'right'} of"
    return f"{words} the {all_icons()[other.kind].plural if plural else other.kind}"


def side(thing: Thing) -> str:
    return "left" if thing.centre[0] < 56 else "right"


def _with_relation(scene: Scene, kinds: Sequence[str]) -> str:
    """The kind whose place is the most informative: one that is on furniture, else the first."""
    standing = {thing.kind for thing in scene.things if thing.on >= 0}
    return next((kind for kind in kinds if kind in standing), kinds[0])


def _relation_sentence(scene: Scene, kind: str, kinds: Mapping[str, int], others: Sequence[str]) -> str:
    verb = "is" if kinds[kind] == 1 else "are"
    if kind not in scene.kinds:
        return f"{sentence(amount(kind, 1))} is near the {others[0]}."
    return f"{sentence(amount(kind, kinds[kind]))} {verb} {place_words(scene, kind, others)}."


def _be(named: Sequence[str], kinds: Mapping[str, int]) -> str:
    return "is" if kinds[named[0]] == 1 else "are"


def _spoken(kind: str, count: int, rng: random.Random) -> str:
    synonyms = all_icons()[kind].synonyms
    if count == 1 and synonyms and rng.random() < 0.3:
        return with_article(rng.choice(synonyms))
    return amount(kind, count)
