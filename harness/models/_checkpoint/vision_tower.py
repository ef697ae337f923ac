"""The vision tower: what it is given, and which of its layers are computed."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from harness.models._checkpoint.families import Family


def skip_unread_layers(module: Any) -> int:
    """Let the CLIP layers behind `vision_feature_layer` pass their input on; returns how many. Weights stay as they are.

    LLaVA takes its features before the last layer, so that layer is not computed.
    """
    wanted = getattr(module.config, "vision_feature_layer", None)
    tower = getattr(module.model, "vision_tower", None)
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
    return module.model.get_image_features(**tensors, return_dict=True)


def unpacked(family: Family, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of one image in a form that can be put together along the first dimension; see `Family.packs_pixels`."""
    if not family.packs_pixels:
        return tensors
    return {**tensors, "pixel_values": tensors["pixel_values"][0].movedim(-1, 0)}


def _unchanged(hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
    return hidden_states
