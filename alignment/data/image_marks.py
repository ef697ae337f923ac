"""`<image>` in a data set's texts: where its authors' own model takes the image. One rule for all sources.

The chat template says where the image stands, so the mark is taken out of a prompt, with the line break beside it. In a prompt
about several images the marks say where each stands; they stay, unless all stand in front of the words, as they do without
marks. In an answer a mark has no meaning (usually two rows were run together): such a pair is left out and counted. Marks of
other families follow the same rule, since they are text to every model but their own:

    <|vision_start|><|image_pad|><|vision_end|>   Qwen-VL      <|image_1|>   Phi-3      <start_of_image>   Gemma 3
    <|image|>   Llama 3.2      [IMG]   Pixtral      <ImageHere>   InternLM-XComposer      <im_start><image><im_end>   LLaVA 1.0
"""

from __future__ import annotations

import re

from harness.core.preference import IMAGE_MARK, ImageNames

MARK = IMAGE_MARK
_MARK = (
    r"(?:<\|vision_start\|>|<im_start>|<img>)?"
    r"(?:<image>|<\|image(?:_pad|_\d)?\|>|<image_(?:pad|token|placeholder|soft_token)>|<start_of_image>|<image_?here>"
    r"|<img_context>|<img>|\[img\])+"
    r"(?:<\|vision_end\|>|<im_end>|</img>|<end_of_image>|\[img_end\])?"
)
_MARKS = re.compile(_MARK, re.IGNORECASE)
_ONE = re.compile(_MARK.replace(")+", ")"), re.IGNORECASE)  # two marks side by side are two
_WITH_BREAK = re.compile(rf"{_MARK}\n|\n{_MARK}|{_MARK}", re.IGNORECASE)


def has_image_mark(text: str) -> bool:
    return ("<" in text or "[" in text) and _MARKS.search(text) is not None


def count_marks(text: str) -> int:
    return len(_ONE.findall(text)) if has_image_mark(text) else 0


def placed(prompt: str, image: ImageNames) -> str:
    """A prompt as pairs hold it: without a mark about one image or none, with one a place about several (see the module).

    Raises ValueError where the marks of a prompt about several are not as many as its images.
    """
    if not isinstance(image, tuple):
        return strip_image(prompt)
    texts = _ONE.split(prompt) if has_image_mark(prompt) else [prompt]
    if len(texts) not in (1, len(image) + 1):
        raise ValueError(f"{len(image)} images for {len(texts) - 1} {MARK}")
    in_front = not any(text.strip() for text in texts[:-1])
    return texts[-1].strip() if in_front and len(texts) > 1 else MARK.join(texts).strip()


def strip_image(text: str) -> str:
    """A prompt without its image mark, wherever it stands; a text without one stays as it is."""
    return _WITH_BREAK.sub("", text).strip() if has_image_mark(text) else text
