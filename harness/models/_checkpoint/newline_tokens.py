"""Which image tokens of LLaVA-1.6 are newline tokens: one behind every row of the tiled image, none in the overview.

Their order is that of `pack_image_features` in transformers' LlavaNext: the overview, then the rows of the tiles, unpadded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from harness.core.errors import ModelError


def newline_tokens(processor: Any, family: str, vision: Mapping[str, Tensor], count: int) -> Tensor:
    """(count,) bool over the image tokens of one image. Raises ModelError for a family other than LLaVA-1.6's."""
    if family != "llava_next":
        raise ModelError(
            f"newline_tokens: shown is for LLaVA-1.6 (llava_next) only; the image tokens of {family} are not known."
        )
    from transformers.models.llava_next.modeling_llava_next import get_anyres_image_grid_shape, unpad_image

    size, pixels = vision["image_sizes"][0].tolist(), vision["pixel_values"].shape[-1]
    side = pixels // processor.patch_size
    rows, columns = get_anyres_image_grid_shape(size, processor.image_processor.image_grid_pinpoints, pixels)
    height, width = unpad_image(torch.empty(1, rows * side, columns * side), size).shape[1:]
    found = torch.zeros(count, dtype=torch.bool)
    found[count - height * (width + 1) + width :: width + 1] = True
    return found
