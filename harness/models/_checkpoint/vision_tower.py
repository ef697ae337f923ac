"""Skip unused vision layers: LLaVA takes its features before the last layer, so that layer is not computed."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


def skip_unread_layers(module: Any) -> int:
    """Let the CLIP layers behind `vision_feature_layer` pass their input on; returns how many. Weights stay as they are."""
    wanted = getattr(module.config, "vision_feature_layer", None)
    tower = getattr(module.model, "vision_tower", None)
    if not isinstance(wanted, int) or wanted >= -1 or tower is None:
        return 0
    stacks = [m for name, m in tower.named_modules() if name.endswith("encoder.layers") and isinstance(m, nn.ModuleList)]
    unread = [layer for stack in stacks for layer in stack[wanted + 1 :] if type(layer).__name__ == "CLIPEncoderLayer"]
    for layer in unread:
        layer.forward = _unchanged
    return len(unread)


def _unchanged(hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
    return hidden_states
