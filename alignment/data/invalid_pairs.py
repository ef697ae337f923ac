"""What cannot be trained on is left out and counted; nothing is cut to fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass, replace

from alignment.data.image_marks import (
    by_number,
    count_marks,
    has_image_mark,
    is_numbered_rightly,
    mark_among_words,
    placed,
    places,
)
from harness.core.edge.text import shown, without_surrogates
from harness.core.errors import TrainingError
from harness.core.preference import PreferencePair

MISSING_IMAGE = "missing image"
UNREADABLE_IMAGE = "unreadable image"
EMPTY_ANSWER = "empty answer"
STILL_REASONING = "the model reasons instead of answering (set model.enable_thinking=false)"
IDENTICAL_ANSWERS = "identical answers"
TOO_LONG = "too long"
IMAGE_MARK = "image mark in an answer"
OTHER_MARKS = "image marks and images are not as many"
OTHER_NUMBERS = "image marks are not numbered as the images"
MORE_MARKS = "more image marks than images"
AMONG_WORDS = "[IMG] among the words of a prompt"
LATER_IMAGES = "images of later turns"
VIDEO = "video"
_SHOWN = 3  # names of images
LONGEST_NAME = 1000  # of an image file; whatever is longer is an image itself
_BASE64 = ("data:", "/9j/", "iVBORw0KGgo", "UklGR", "R0lGOD")  # a data URI; JPEG, PNG, WebP and GIF in base64
_ALONE = "is empty (a rated answer without a counterpart, which only the aligner kto trains on)"
NO_CHOSEN, NO_REJECTED = f"`chosen` {_ALONE}", f"`rejected` {_ALONE}"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A pair left out of training, and why.

    what: the image that is missing, or what is wrong with one. length: tokens of a pair that is too long, where they are known.
    """

    id: str
    reason: str
    what: str = ""
    length: int | None = None


def validate(
    pairs: Sequence[PreferencePair], has: Callable[[str], bool], unpaired: bool = False
) -> tuple[list[PreferencePair], list[Dropped]]:
    """Split pairs into those that can be trained on, their prompts' image marks by the rule of `image_marks`, and those that
    cannot, with the first reason for each. Lone surrogates, which no tokenizer takes, become U+FFFD, as in files.

    has: whether there is an image of this name; unpaired: pairs of which one side is missing can. Raises TrainingError for an
    id that several pairs have.
    """
    _require_own_ids(pairs)
    kept, dropped = list[PreferencePair](), list[Dropped]()
    for pair in map(_encodable, pairs):
        reason = _fault(pair, has, unpaired)
        if reason:
            what = next(name for name in pair.images if not has(name)) if reason == MISSING_IMAGE else ""
            dropped.append(Dropped(pair.id, reason, what))
        else:
            kept.append(_with_places(pair) if has_image_mark(pair.prompt) else pair)
    return kept, dropped


def _with_places(pair: PreferencePair) -> PreferencePair:
    """The pair with its prompt's marks by the rule of `image_marks`, and its images as they are numbered."""
    image, digest = (by_number(pair.prompt, names) for names in (pair.image, pair.image_digest))
    return replace(pair, prompt=placed(pair.prompt, pair.image), image=image, image_digest=digest)


def _require_own_ids(pairs: Sequence[PreferencePair]) -> None:
    repeated = {id: n for id, n in Counter(pair.id for pair in pairs).items() if n > 1}
    if repeated:
        first = next(iter(repeated))
        count = "1 id is" if len(repeated) == 1 else f"{len(repeated):,} ids are"
        raise TrainingError(
            f"{count} that of several pairs (the first: {shown(first)}, of {repeated[first]:,}). Draws and answers of a "
            "training go by the id: give each pair its own."
        )


def _encodable(pair: PreferencePair) -> PreferencePair:
    if all(text.isascii() for text in (pair.prompt, pair.context, *pair.answers)):
        return pair
    prompt, context, chosen, *rejected = map(without_surrogates, (pair.prompt, pair.context, pair.chosen, *pair.rejected))
    return replace(pair, prompt=prompt, context=context, chosen=chosen, rejected=tuple(rejected))


def is_inside(name: str) -> bool:
    """Whether what stands for an image's name is the image itself, as base64."""
    return len(name) > LONGEST_NAME or (len(name) > 200 and name.startswith(_BASE64))


def shown_name(name: str) -> str:
    """An image's name as a message repeats it; the beginning of an image inside the text."""
    return f"an image inside the text, {shown(name, 40)}" if is_inside(name) else shown(name)


def image_list(names: Iterable[str]) -> str:
    """The first few images of these, each once, and how many there are beside: "a.jpg, b.jpg, c.jpg and 4 more"."""
    once = list(dict.fromkeys(names))
    return ", ".join(map(shown_name, once[:_SHOWN])) + (f" and {len(once) - _SHOWN:,} more" if len(once) > _SHOWN else "")


def table(dropped: Sequence[Dropped]) -> dict[str, int]:
    """Reason -> number of pairs, the most frequent first."""
    return dict(Counter(d.reason for d in dropped).most_common())


def left_out(dropped: Sequence[Dropped], asked: int) -> str:
    """How many of a file's rows make no pair, and why, with the first images that are missing; "" where all do."""
    if not dropped:
        return ""
    lost = image_list(d.what for d in dropped if d.what)
    named = {MISSING_IMAGE: f" ({lost})"} if lost else {}
    reasons = ", ".join(f"{reason} {n:,}{named.get(reason, '')}" for reason, n in table(dropped).items())
    return f"{len(dropped):,} of {asked:,} rows are left out: {reasons}"


def require_some(kept: Sized, dropped: Sequence[Dropped], max_length: int | None = None) -> None:
    """Raise TrainingError where nothing is left; `max_length`: the setting by which pairs are too long."""
    if kept:
        return
    why = f"No preference pair is left to train on ({_reasons(dropped) or 'the pair file is empty'})"
    if max_length is not None and (lengths := [d.length for d in dropped if d.length is not None]):
        why += f": max_length is {max_length:,} and the shortest of those that are too long has {min(lengths):,} tokens"
        why += ". Raise max_length in `training`, or leave it out"
    raise TrainingError(f"{why}.")


def _reasons(dropped: Sequence[Dropped]) -> str:
    return ", ".join(f"{reason}: {n}" for reason, n in table(dropped).items())


def _fault(pair: PreferencePair, has: Callable[[str], bool], unpaired: bool) -> str:
    if not all(map(has, pair.images)):
        return MISSING_IMAGE
    if fault := misplaced(pair.prompt, len(pair.images)):
        return fault
    if not pair.answers or not all(answer.strip() for answer in pair.answers):
        return EMPTY_ANSWER
    if not unpaired and not (pair.chosen and pair.rejected):
        return NO_REJECTED if pair.chosen else NO_CHOSEN
    if any(has_image_mark(answer) for answer in (pair.context, pair.chosen, *pair.rejected)):
        return IMAGE_MARK
    if any(r.strip() == pair.chosen.strip() for r in pair.rejected):
        return IDENTICAL_ANSWERS
    return ""


def misplaced(prompt: str, images: int) -> str:
    """Why the marks of a prompt do not fit its images; "" where they do, or where it has none."""
    if (count_marks if images > 1 else places)(prompt) not in (0, images):
        return OTHER_MARKS
    if not is_numbered_rightly(prompt, images):
        return OTHER_NUMBERS
    return AMONG_WORDS if images < 2 and mark_among_words(prompt) else ""
