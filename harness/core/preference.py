"""A preference pair: one prompt with a better answer and one or more worse ones, about one image, several or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from harness.core.errors import ModelError

T = TypeVar("T")

IMAGE_MARK = "<image>"  # where an image stands in a prompt about several; without marks they stand in front, in their order
Images = Path | tuple[Path, ...] | None  # what a prompt shows: one image, several (two or more) in their order, or none
ImageNames = str | tuple[str, ...]  # the same as names, "" for none


def paths_of(images: Images) -> tuple[Path, ...]:
    """One path an image, in their order."""
    return images if isinstance(images, tuple) else () if images is None else (images,)


def names_of(image: ImageNames) -> tuple[str, ...]:
    """One name an image, in their order."""
    return image if isinstance(image, tuple) else (image,) if image else ()


def one_or_all(values: Iterable[T]) -> T | tuple[T, ...] | None:
    """What is known of each image of a prompt in the form of `Images`: one alone, several together, None for none."""
    found = tuple(values)
    return found if len(found) > 1 else next(iter(found), None)


def paths_under(root: Path, image: ImageNames) -> Images:
    """The images of these names in a folder."""
    return one_or_all(root / name for name in names_of(image))


def together(names: tuple[str, ...]) -> ImageNames:
    """The names of a prompt's images in the form that pairs and prompts hold."""
    return names if len(names) > 1 else "".join(names)


def texts_around(prompt: str, images: int) -> tuple[str, ...]:
    """The texts before, between and behind the images at the marks of a prompt about several; the whole prompt alone where
    its images stand in front of it. Raises ModelError where marks and images are not as many."""
    texts = tuple(prompt.split(IMAGE_MARK)) if images > 1 else (prompt,)
    if len(texts) not in (1, images + 1):
        raise ModelError(f"The prompt {prompt[:60]!r} has {len(texts) - 1} marks {IMAGE_MARK} for {images} images.")
    return texts


def message_parts(texts: Sequence[str], images: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A message's content: texts and images in turn without empty texts, or all images in front of the one text."""
    parts = [{"type": "text", "text": text} for text in texts]
    if len(texts) == 1:
        return [*map(dict, images), *parts]
    turns = [part for text, image in zip(parts, [*images, {}], strict=True) for part in (text, image)]
    return [dict(part) for part in turns if part and part.get("text") != ""]


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """One prompt with a better answer and one or more worse ones.

    A rated answer without a counterpart is a pair with one side only: `chosen` "" or `rejected` (); the aligner `kto` reads it.
    `context` is the beginning of the answer that is given and not trained on: both sides are a sentence that may follow it
    (sentence-level pairs).
    `image` is relative to the data folder, `image_digest` is sha256 of the file; both are tuples for a prompt about several
    images, whose places its marks (`IMAGE_MARK`) then say. `meta` is provenance (tries, similarity, seed, ...) that training
    ignores.
    """

    id: str
    image: ImageNames
    image_digest: ImageNames
    prompt: str
    chosen: str
    rejected: tuple[str, ...]
    source: str
    meta: Mapping[str, Any] = field(default_factory=dict)
    context: str = ""

    @property
    def answers(self) -> tuple[str, ...]:
        """All answers, the better one first where there is one."""
        return (self.chosen, *self.rejected) if self.chosen else self.rejected

    @property
    def images(self) -> tuple[str, ...]:
        """One name an image, in their order."""
        return names_of(self.image)

    @property
    def shown(self) -> ImageNames:
        """Which images the prompt is about, by content where digests are known, else by name."""
        if not isinstance(self.image, tuple):
            return self.image_digest or self.image
        digests = self.image_digest if isinstance(self.image_digest, tuple) else ("",) * len(self.image)
        return tuple(digest or name for digest, name in zip(digests, self.image, strict=True))


class AsksAbout(Protocol):
    """A pair, or a prompt."""

    @property
    def id(self) -> str: ...
    @property
    def image(self) -> ImageNames: ...


@runtime_checkable
class ShowsSeveralImages(Protocol):
    """A model, or a judge, whose prompts may show several images; `one_image` says why this one's do not, "" where they do."""

    @property
    def one_image(self) -> str: ...


@runtime_checkable
class NotesSeveralImages(Protocol):
    """A model that takes several images; `several_images_note` says where most of its kind were trained with one per prompt,
    else ""."""

    @property
    def several_images_note(self) -> str: ...


@runtime_checkable
class DrawsNoise(Protocol):
    """A model that puts noise on images. `noise_rule`: how, a part of the keys of what was made under noise; "" for the first
    rule that there was."""

    @property
    def noise_rule(self) -> str: ...


def noise_rule_of(model: object) -> str:
    return model.noise_rule if isinstance(model, DrawsNoise) else ""


def noted_images(model: object, asked: Iterable[AsksAbout]) -> tuple[str, ...]:
    """What a run says where some of its pairs or prompts are about several images, and most models of the kind saw one."""
    note = model.several_images_note if isinstance(model, NotesSeveralImages) else ""
    shown = note and any(isinstance(one.image, tuple) for one in asked)
    return (f"Some prompts show several images, and {note}.",) if shown else ()


def refused_images(model: object, asked: Sequence[AsksAbout], who: str = "this model") -> str:
    """What to tell of pairs or prompts about several images that a model does not take; "" where it takes all of them."""
    several = [one.id for one in asked if isinstance(one.image, tuple)]
    why = model.one_image if isinstance(model, ShowsSeveralImages) else f"{type(model).__name__} takes one."
    if not several or not why:
        return ""
    return (
        f"{len(several):,} of {len(asked):,} rows are about several images (the first: {several[0]!r}), and {who} takes "
        f"one image a prompt. {why} Remove these rows, or choose another one (docs/models.md says which models take several)."
    )
