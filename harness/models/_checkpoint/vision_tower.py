"""The vision tower: what it is given, and which of its layers are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harness.models._checkpoint.families import Family


def skip_unread_layers(module: Any) -> int:
    """Let the CLIP layers behind `vision_feature_layer` pass their input on; returns how many. Weights stay as they are.

    LLaVA takes its features before the last layer, so that layer is not computed.
    """
    wanted = getattr(module.config, "vision_feature_layer", None)
    tower = getattr(getattr(module, "model", None), "vision_tower", None)
    if not isinstance(wanted, int) or wanted >= -1 or tower is None:
        return 0
    stacks = [m for name, m in tower.named_modules() if name.endswith("encoder.layers") and isinstance(m, nn.ModuleList)]
    unread = [layer for stack in stacks for layer in stack[wanted + 1 :] if type(layer).__name__ == "CLIPEncoderLayer"]
    for layer in unread:
        layer.forward = _unchanged
    return len(unread)


def vision_features(module: Any, family: Family, tensors: dict[str, Tensor]) -> Any:  # Any: as the family returns them
    """Features of images from the processor's tensors, put together along the images."""
    if family.packs_pixels:
        tensors = {**tensors, "pixel_values": tensors["pixel_values"].movedim(0, -1)[None]}
    if family.name == "mistral3" and _is_one_token(module, tensors["image_sizes"]):
        # transformers 5.23 drops the dimension of the tokens where there is one in all
        twice = {name: torch.cat([tensor, tensor]) for name, tensor in tensors.items()}
        out = module.model.get_image_features(**twice, return_dict=True)
        out.pooler_output = out.pooler_output[:1]
        return out
    return module.model.get_image_features(**tensors, return_dict=True)


def _is_one_token(module: Any, sizes: Tensor) -> bool:
    """Whether images of these sizes (n, 2) are one image of one token, as Mistral 3 counts them."""
    side = module.config.vision_config.patch_size * module.config.spatial_merge_size
    return len(sizes) == 1 and int((sizes // side).prod()) == 1


def unpacked(family: Family, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of one image in a form that can be put together along the first dimension; see `Family.packs_pixels`."""
    if not family.packs_pixels:
        return tensors
    return {**tensors, "pixel_values": tensors["pixel_values"][0].movedim(-1, 0)}


def of_prompt(family: Family, images: Sequence[Mapping[str, Tensor]], pinned: bool = False) -> dict[str, Tensor]:
    """The tensors of a prompt's images put together; how many they are stands with them where the family has to know."""
    if len(images) == 1:
        return dict(images[0])
    count = {"batch_num_images": torch.tensor([len(images)])} if images and family.tiles_alone else {}
    return stack_vision(images, pinned) | count


def stack_vision(inputs: Sequence[Mapping[str, Tensor]], pinned: bool = False) -> dict[str, Tensor]:
    """Batch the processor outputs of single images; where their numbers of tiles differ, they are filled with zeros.

    pinned: in memory that a GPU reads while the CPU goes on.
    """
    return {name: _stack([one[name] for one in inputs], pinned) for name in (inputs[0] if inputs else ())}


def _stack(parts: list[Tensor], pinned: bool) -> Tensor:
    """(n, ...) each -> (sum of n, ...), the other dimensions those of the widest."""
    shape = [max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)]
    whole = parts[0].new_zeros(sum(len(part) for part in parts), *shape, pin_memory=pinned)
    start = 0
    for part in parts:
        whole[(slice(start, start + len(part)), *(slice(0, n) for n in part.shape[1:]))] = part
        start += len(part)
    return whole


def _unchanged(hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
    return hidden_states
