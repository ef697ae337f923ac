"""What a checkpoint's processor makes of one image, and the same as bytes: between processes and on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from safetensors.torch import load, save
from torch import Tensor

from harness.core.edge.foreign import words_of
from harness.core.edge.images import open_image
from harness.core.errors import HarnessError, ImageError
from harness.models._checkpoint.families import Family
from harness.models._checkpoint.vision_tower import unpacked

_TEXT_KEYS = {"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids", "labels"}
_TEXT, _RUNS, _VISION = "text", "runs", "vision."  # names in `to_bytes`


@dataclass(frozen=True, slots=True)
class ImageInputs:
    """Processor output for one image.

    text: its text in the prompt, with each run of placeholders as one; runs: their lengths; tensors: what the
    vision tower takes.
    """

    text: str
    runs: tuple[int, ...]
    tensors: dict[str, Tensor]

    @property
    def tokens(self) -> int:
        """Placeholders in all, which is the number of features."""
        return sum(self.runs)


class ImageProcessing:
    """Path -> `ImageInputs`. Raises ImageError for a file that cannot be read, and for an image that the processor refuses.

    token: what the chat template writes for an image; placeholder: what the processor makes of it, once for each feature.
    """

    def __init__(self, processor: Any, family: Family, image_token_id: int) -> None:
        self.processor, self._family = processor, family
        self.token = str(getattr(processor, "image_token", ""))
        known = self.token if image_token_id < 0 else processor.tokenizer.convert_ids_to_tokens(image_token_id)
        self.placeholder = str(known)

    @torch.inference_mode(False)  # used while answering, read again while training
    def __call__(self, path: Path) -> ImageInputs:
        return self._made(path, 1)

    @torch.inference_mode(False)
    def among(self, path: Path) -> ImageInputs:
        """The image as one of several of a prompt, which is where some processors cut none into tiles."""
        made = self._made(path, 2)
        kept = {name: tensor[:1] for name, tensor in made.tensors.items() if name != "batch_num_images"}
        return replace(made, tensors=kept)

    def _made(self, path: Path, times: int) -> ImageInputs:
        """The first of so many of the same image in one prompt, with the tensors of all."""
        images = [open_image(path)] * times
        shown = images if times == 1 else [images]
        text = self.token * times
        as_tensors = {"return_tensors": "pt"}  # and not the text, whose tokens are left out below
        with refused_images_named(self.processor, [path], images):
            batch = self.processor(images=shown, text=[text], images_kwargs=as_tensors, return_text_replacement_offsets=True)
        ((written, *_),) = batch.pop("text_replacement_offsets")
        text = str(written["replacement"])
        runs = re.compile(f"(?:{re.escape(self.placeholder)})+")
        lengths = tuple(len(run) // len(self.placeholder) for run in runs.findall(text))
        tensors = unpacked(self._family, {k: v for k, v in batch.items() if k not in _TEXT_KEYS})
        return ImageInputs(runs.sub(lambda _: self.placeholder, text), lengths, tensors)


@contextmanager
def refused_images_named(processor: Any, paths: Sequence[Path], images: Sequence[Image]) -> Iterator[None]:
    """What the processor raises inside over one of these images, which it refuses alone too, becomes an ImageError."""
    try:
        yield
    except (HarnessError, MemoryError):
        raise
    except Exception:  # processors raise what they like
        for path, image in zip(paths, images, strict=False):
            try:
                processor.image_processor(images=[image], return_tensors="pt")
            except Exception as error:
                raise ImageError(
                    path, f"is refused by the model's image processor ({words_of(error)}). Leave it out."
                ) from error
        raise


def to_bytes(made: ImageInputs) -> bytes:
    """The same as one safetensors file."""
    text = torch.tensor(list(made.text.encode("utf-8", "surrogatepass")), dtype=torch.uint8)
    vision = {f"{_VISION}{name}": tensor.contiguous() for name, tensor in made.tensors.items()}
    data: bytes = save({_TEXT: text, _RUNS: torch.tensor(made.runs, dtype=torch.long), **vision})
    return data


def from_bytes(data: bytes) -> ImageInputs:
    """Reads what `to_bytes` wrote. Raises what safetensors raises where it is something else."""
    held = load(data)
    text = bytes(held.pop(_TEXT).tolist()).decode("utf-8", "surrogatepass")
    runs = tuple(held.pop(_RUNS).tolist())
    return ImageInputs(text, runs, {k.removeprefix(_VISION): v for k, v in held.items()})
