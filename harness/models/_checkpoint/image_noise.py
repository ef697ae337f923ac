"""Gaussian noise on an image, as diffusion models add it: the image distortion of VCD and POVID.

Understanding Alignment in Multimodal LLMs, arXiv:2407.02477, equations 8 and 9; the schedule of the public VCD routine:
1000 points from -6 to 6 through a sigmoid, on the pixels as the processor normalised them, not clamped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import torch
from torch import Tensor

from harness.core.digests import image_seed
from harness.core.evaluation import HiddenImage, NoisyImage

STEPS = 1000
Veil = TypeVar("Veil", HiddenImage, NoisyImage)


def of_image(veil: Veil | None, place: int) -> Veil | None:
    """What hides or covers the image at a place 0.. of a prompt."""
    return None if veil is None else replace(veil, seed=image_seed(veil.seed, place))


def add_noise(inputs: Mapping[str, Tensor], noise: NoisyImage | None) -> dict[str, Tensor]:
    """Processor output with sqrt(a) x + sqrt(1 - a) e in place of the pixels x; a falls with the steps, e ~ N(0, 1)."""
    if noise is None or noise.steps <= 0:
        return dict(inputs)
    pixels = inputs["pixel_values"]
    kept = _kept_share()[min(noise.steps, STEPS) - 1]
    drawn = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(noise.seed))
    return {**inputs, "pixel_values": (kept.sqrt() * pixels + (1 - kept).sqrt() * drawn).to(pixels.dtype)}


@lru_cache(maxsize=1)
def _kept_share() -> Tensor:
    """(STEPS,) the share of the image's variance that is left after 1, 2, .. steps."""
    betas = torch.sigmoid(torch.linspace(-6, 6, STEPS)) * (0.5e-2 - 1e-5) + 1e-5
    return torch.cumprod(1 - betas, 0)
