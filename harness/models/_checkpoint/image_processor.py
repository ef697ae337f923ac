"""Processors for images and text alone, without torchvision.

Processors of newer families own a video processor, which needs torchvision, or an audio one; images never need them. A
subclass that leaves them out loads everywhere, and makes the same tensors everywhere.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

_KEPT = ("image_processor", "tokenizer")
_PIXTRAL = "transformers.models.pixtral"


def image_only(processor_class: Any) -> Any:  # Any: transformers' own class, another for each family
    """The class with its image processor and tokenizer alone; itself where it owns nothing else."""
    processor_class = _without_torchvision(processor_class)
    every = tuple(processor_class.get_attributes())
    if set(every) <= set(_KEPT):
        return processor_class
    defined_in = sys.modules[processor_class.__module__]
    if getattr(defined_in, "num2words", _number_in_words) is None:  # SmolVLM asks for it up front and uses it for videos
        setattr(defined_in, "num2words", _number_in_words)  # noqa: B010 - mypy knows no such attribute
    return type(processor_class.__name__, (_ImageOnly, processor_class), {"every": every})


def _without_torchvision(processor_class: Any) -> Any:  # Any: transformers' own class
    """Pixtral's processor asks for torchvision although it has a PIL image processor: its module takes one function of the
    torchvision image processor's module, which the PIL one has as well."""
    if not getattr(processor_class, "is_dummy", False) or processor_class.__name__ != "PixtralProcessor":
        return processor_class
    wanted = f"{_PIXTRAL}.image_processing_pixtral"
    sys.modules[wanted] = importlib.import_module(f"{_PIXTRAL}.image_processing_pil_pixtral")
    try:
        return importlib.import_module(f"{_PIXTRAL}.processing_pixtral").PixtralProcessor
    finally:
        del sys.modules[wanted]


class _Absent:
    """Stands for a processor of videos or sounds; holds what templates and constructors look up."""

    num_frames: int | None = None
    fps: float | None = None
    slice_mode = False
    downsample_mode = "16x"


class _ImageOnly:
    every: tuple[str, ...] = ()  # what the whole class owns, in the order of its arguments
    video_processor = feature_extractor = _Absent()

    def __new__(cls, *args: Any, **options: Any) -> Any:  # Any: a processor of transformers
        made = super().__new__(cls)
        made.get_attributes = lambda: list(cls.every)  # type: ignore[method-assign]  # while it is made, see below
        return made

    @classmethod
    def get_attributes(cls) -> list[str]:
        return list(_KEPT)

    def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:  # Any: a class
        if isinstance(argument, _Absent):
            return type(argument)
        return super().check_argument_for_proper_class(argument_name, argument)  # type: ignore[misc]

    @classmethod
    def from_args_and_dict(
        cls, args: list[Any], processor_dict: dict[str, Any], **options: Any
    ) -> Any:  # Any: transformers' own class, another for each family
        given = dict(zip(_KEPT, args, strict=True))
        whole = [given.get(name, _Absent()) for name in cls.every]
        made = super().from_args_and_dict(whole, processor_dict, **options)  # type: ignore[misc]
        for one in made if isinstance(made, tuple) else (made,):
            if isinstance(one, cls):
                for name in ("get_attributes", *set(cls.every) - set(_KEPT)):
                    delattr(one, name)
        return made

    def __repr__(self) -> str:  # transformers logs a processor while it still holds what it has not
        return f"{type(self).__name__} for images and text"


def _number_in_words(number: int) -> str:
    raise NotImplementedError(f"Videos ({number} frames) are not shown here.")
