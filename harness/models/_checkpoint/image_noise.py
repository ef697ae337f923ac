"""Gaussian noise on an image, as diffusion models add it: the image distortion of VCD and POVID.

Understanding Alignment in Multimodal LLMs, arXiv:2407.02477, equations 8 and 9; the schedule of the public VCD routine:
1000 points from -6 to 6 through a sigmoid, on the pixels as the processor normalised them, not clamped.

Qwen's and GLM's processors hand a still image on as two equal frames. Both are given one draw: they are one noisy image, and of
two draws the vision tower would see the mean, with half of the noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from harness.core.digests import image_seed
from harness.core.evaluation import HiddenImage, NoisyImage

STEPS = 1000
ONE_DRAW = "one draw for all frames of an image"  # the rule where there are several; versions before drew each on its own
_CHANNELS = 3
Veil = TypeVar("Veil", HiddenImage, NoisyImage)


def of_image(veil: Veil | None, place: int) -> Veil | None:
    """What hides or covers the image at a place 0.. of a prompt."""
    return None if veil is None else replace(veil, seed=image_seed(veil.seed, place))


def frames_of(processor: Any) -> int:  # Any: transformers' own class, another for each family
    """Equal frames that a processor makes of a still image."""
    return int(getattr(getattr(processor, "image_processor", None), "temporal_patch_size", None) or 1)


def add_noise(inputs: Mapping[str, Tensor], noise: NoisyImage | None, frames: int = 1) -> dict[str, Tensor]:
    """Processor output with sqrt(a) x + sqrt(1 - a) e in place of the pixels x; a falls with the steps, e ~ N(0, 1).

    frames: equal ones that the pixels hold of each image, in (patches, channels * frames * pixels of a patch).
    """
    if noise is None or noise.steps <= 0:
        return dict(inputs)
    pixels = inputs["pixel_values"]
    kept = _kept_share()[min(noise.steps, STEPS) - 1]
    drawn = _drawn(pixels.shape, noise.seed, frames)
    return {**inputs, "pixel_values": (kept.sqrt() * pixels + (1 - kept).sqrt() * drawn).to(pixels.dtype)}


def _drawn(shape: torch.Size, seed: int, frames: int) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    if frames == 1:
        return torch.randn(shape, generator=source)
    one = torch.randn(shape[0], _CHANNELS, 1, shape[1] // (_CHANNELS * frames), generator=source)
    return one.expand(-1, -1, frames, -1).reshape(shape)


@lru_cache(maxsize=1)
def _kept_share() -> Tensor:
    """(STEPS,) the share of the image's variance that is left after 1, 2, .. steps."""
    betas = torch.sigmoid(torch.linspace(-6, 6, STEPS)) * (0.5e-2 - 1e-5) + 1e-5
    return torch.cumprod(1 - betas, 0)
