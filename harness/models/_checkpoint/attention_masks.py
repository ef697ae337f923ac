"""Attention masks in the form that a decoder of transformers takes, and which models need masks of their own."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from torch import Tensor

from harness.core.errors import ModelError
from harness.models._checkpoint.families import CAUSAL, FAMILIES, Family
from harness.models._checkpoint.requirements import checked_attention


def is_windowed(config: Any) -> bool:
    """Whether any layer looks back over a window only."""
    types = getattr(config, "layer_types", None)
    if types:
        return "sliding_attention" in types
    return getattr(config, "sliding_window", None) is not None


def decoder_mask(
    seen: Tensor, together: Tensor | None, distance: Tensor, family: Family, config: Any, dtype: torch.dtype
) -> Any:  # Any: what the attention implementation takes
    """Masks for the layers of a decoder, (B, 1, T, S) each, 0 where a token sees another and very negative elsewhere.

    Args:
        seen: (B, T, S) bool, what is seen looking back.
        together: (B, T, S) bool, what is seen both ways besides, or None.
        distance: (B, T, S) how far back a token is.
    """
    window = config.sliding_window if is_windowed(config) else None
    near = seen if window is None else seen & (distance < window)
    if together is not None:
        near = near | (together & (distance < window) if family.window_first and window is not None else together)
        seen = seen if family.only_windows else seen | together
    if getattr(config, "layer_types", None):
        return {"full_attention": _additive(seen, dtype), "sliding_attention": _additive(near, dtype)}
    return _additive(near, dtype)


def _additive(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """Added to the scores. A token that sees nothing (padding) sees all: no row of a softmax may be empty."""
    mask = torch.full(allowed.shape, torch.finfo(dtype).min, dtype=dtype, device=allowed.device)
    return mask.masked_fill_(allowed | ~allowed.any(-1, keepdim=True), 0.0)[:, None]


def check_attention(source: str, attention: str, remote_code: bool) -> None:
    """Flash attention takes no mask of its own; a model that needs one would answer wrongly, or not at all."""
    if not checked_attention(attention).startswith("flash"):
        return
    config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=remote_code)
    family = FAMILIES.get(config.model_type)
    both_ways = family is not None and family.both_ways != CAUSAL
    if both_ways or is_windowed(config.get_text_config()):
        needs = "images are seen both ways" if both_ways else "layers look back over a window"
        raise ModelError(
            f"{attention} cannot be used with this {config.model_type}: its {needs}, which needs masks that flash attention "
            "does not take. Set model.attention=sdpa."
        )
