"""Processors without their video half.

Processors of newer families own a video processor, which needs torchvision; images never need it. A subclass that
leaves it out loads everywhere, and makes the same tensors everywhere.
"""

from __future__ import annotations

import sys
from typing import Any

_VIDEO = "video_processor"


def image_only(processor_class: Any) -> Any:  # Any: transformers' own class, another for each family
    """The class with its image processor and tokenizer alone; itself where it owns no video processor."""
    if _VIDEO not in processor_class.get_attributes():
        return processor_class
    defined_in = sys.modules[processor_class.__module__]
    if getattr(defined_in, "num2words", _number_in_words) is None:  # SmolVLM asks for it up front and uses it for videos
        setattr(defined_in, "num2words", _number_in_words)  # noqa: B010 - mypy knows no such attribute
    return type(processor_class.__name__, (_ImageOnly, processor_class), {})


class _NoVideos:
    """Placeholder where templates look up how videos would be sampled."""

    num_frames: int | None = None
    fps: float | None = None


class _ImageOnly:
    video_processor = _NoVideos()

    @classmethod
    def get_attributes(cls) -> list[str]:
        return ["image_processor", "tokenizer"]

    @classmethod
    def from_args_and_dict(
        cls, args: list[Any], processor_dict: dict[str, Any], **options: Any
    ) -> Any:  # Any: transformers' own class, another for each family
        return super().from_args_and_dict([*args, None], processor_dict, **options)  # type: ignore[misc]


def _number_in_words(number: int) -> str:
    raise NotImplementedError(f"Videos ({number} frames) are not shown here.")
