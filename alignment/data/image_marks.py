"""`<image>` in a data set's texts: where its authors' own model takes the image. One rule for all sources.

The chat template says where the image stands, so the mark is taken out of a prompt, with the line break beside it. In a prompt
about several images the marks say where each stands; they stay, unless all stand in front of the words, as they do without
marks. In an answer a mark has no meaning (usually two rows were run together): such a pair is left out and counted. Marks of
other families follow the same rule, since they are text to every model but their own. Phi-3's are numbered, and the number
says which image of the row is meant: `<|image_2|> or <|image_1|>?` shows the second image first (`by_number`).

    <|vision_start|><|image_pad|><|vision_end|>   Qwen-VL      <|image_1|>   Phi-3      <start_of_image>   Gemma 3
    <|image|>   Llama 3.2      [IMG]   Pixtral      <ImageHere>   InternLM-XComposer      <im_start><image><im_end>   LLaVA 1.0
"""

from __future__ import annotations

import re
from typing import TypeVar

from harness.core.edge.text import count
from harness.core.preference import IMAGE_MARK, ImageNames

T = TypeVar("T")

MARK = IMAGE_MARK
_BEGIN, _END = r"<\|vision_start\|>|<im_start>|<img>", r"<\|vision_end\|>|<im_end>|</img>|<end_of_image>|\[img_end\]"
_PATCH = r"<\|image_pad\|>|<image_(?:pad|token|soft_token)>|<img_context>"  # stands once a patch of one image
_WHOLE = r"<image>|<\|image(?:_\d+)?\|>|<image_placeholder>|<start_of_image>|<image_?here>"
_WORD = r"<img>|\[img\]"  # may also be words of a question about a web page
# In a prompt about one image, or none, such a word is a mark at the edge of a line, or beside another one.
_EDGE = rf"(?:(?m:^)|(?<=<img>)|(?<=\[img\]))(?:{_WORD})|(?:{_WORD})(?=[ \t]*(?:\n|\Z)|</img>|\[img_end\])"
_MARK = rf"(?:{_BEGIN})?(?:{_PATCH}|{_WHOLE}|{_WORD})+(?:{_END})?"
_PLACE = rf"(?:{_BEGIN})?(?:{_PATCH}|{_WHOLE}|{_EDGE})+(?:{_END})?"
_MARKS = re.compile(_MARK, re.IGNORECASE)
_ONE = re.compile(_MARK.replace(")+", ")"), re.IGNORECASE)  # two marks side by side are two
_PLACES = re.compile(_PLACE, re.IGNORECASE)
_OF_A_PATCH = re.compile(rf"(?:{_BEGIN})?(?:{_PATCH}|{_WORD})(?:{_END})?", re.IGNORECASE)
_NUMBER = re.compile(r"<\|image_(\d+)\|>", re.IGNORECASE)
_WITH_BREAK = re.compile(rf"{_PLACE}\n|\n{_PLACE}|{_PLACE}", re.IGNORECASE)


def has_image_mark(text: str) -> bool:
    return ("<" in text or "[" in text) and _MARKS.search(text) is not None


def count_marks(text: str) -> int:
    return len(_ONE.findall(text)) if has_image_mark(text) else 0


def places(text: str) -> int:
    """How many images the marks of a prompt about one image, or none, ask for; those of patches side by side are one."""
    runs = _PLACES.findall(text) if has_image_mark(text) else []
    return sum(sum(_OF_A_PATCH.fullmatch(mark) is None for mark in _ONE.findall(run)) or 1 for run in runs)


def mark_among_words(prompt: str) -> bool:
    """Whether `[IMG]`, an image to Pixtral, stands where this module leaves it: among the words of a prompt about one image."""
    return "[IMG]" in prompt and "[IMG]" in strip_image(prompt)


def is_numbered_rightly(prompt: str, images: int) -> bool:
    """Whether the marks of a prompt have no numbers, or those of its images: 1 to `images`, each once."""
    found = _numbers(prompt)
    return not found or sorted(-1 if number is None else number for number in found) == list(range(1, images + 1))


def by_number(prompt: str, images: tuple[T, ...] | str) -> tuple[T, ...] | str:
    """Names of several images, or their digests, in the order in which a prompt's numbered marks show them; the same without
    numbers, and where they are wrong, which `placed` refuses."""
    if not isinstance(images, tuple) or not is_numbered_rightly(prompt, len(images)):
        return images
    return tuple(images[number - 1] for number in _numbers(prompt) if number is not None) or images


def _numbers(prompt: str) -> list[int | None]:
    """The numbers of a prompt's marks in their order, None of one without a number beside others; [] where none has one."""
    if not _NUMBER.search(prompt):
        return []
    found = [_NUMBER.search(mark) for mark in _ONE.findall(prompt)]
    return [int(number[1]) if number else None for number in found]


def placed(prompt: str, image: ImageNames) -> str:
    """A prompt as pairs hold it: without a mark about one image or none, with one a place about several (see the module).

    Raises ValueError where the marks of a prompt about several are not as many as its images, or have other numbers.
    """
    if not isinstance(image, tuple):
        return strip_image(prompt)
    texts = _ONE.split(prompt) if has_image_mark(prompt) else [prompt]
    if len(texts) not in (1, len(image) + 1):
        raise ValueError(not_as_many(len(image), len(texts) - 1))
    if not is_numbered_rightly(prompt, len(image)):
        said = ", ".join("no number" if number is None else str(number) for number in _numbers(prompt))
        raise ValueError(f"image marks are numbered {said}; for {len(image)} images they must be 1 to {len(image)}, each once")
    in_front = not any(text.strip() for text in texts[:-1])
    return texts[-1].strip() if in_front and len(texts) > 1 else MARK.join(texts).strip()


def not_as_many(images: int, marks: int) -> str:
    """'1 image for 2 marks <image>'."""
    return f"{count(images, 'image')} for {count(marks, 'mark')} {MARK}"


def strip_image(text: str) -> str:
    """A prompt without its image mark, wherever it stands; a text without one stays as it is, and so do `<img>` and `[IMG]`
    among its words."""
    return _WITH_BREAK.sub("", text).strip() if has_image_mark(text) and _PLACES.search(text) else text
