"""Attention over rows that hold several answers to one prompt: `[prompt + image | answer_1 | .. | answer_n]`.

A row's segments (0 the prompt, 1.. the answers, -1 padding) say who sees whom: the prompt itself, causally; an answer
the prompt and itself, causally. As one dense mask that costs T x T scores, most of which are thrown away. Here the
prompt and each answer attend on their own, which computes what is needed: the same numbers for half to a third of it,
on the fused kernels of any device.

transformers is told of it as one more attention implementation, which is SDPA for every other mask.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "sdpa_segments"
PROMPT, PADDING = 0, -1
Bounds = list[tuple[int, int, int]]  # (segment, start, end) along a row


def use_segments(language_model: Any) -> bool:
    """Let a language model read segment masks; False where it does not attend by SDPA, and needs a dense mask."""
    if language_model.config._attn_implementation == "sdpa":
        language_model.set_attn_implementation(NAME)
    return bool(language_model.config._attn_implementation == NAME)


def segment_mask(segment: Tensor) -> Tensor:
    """Segments (B, T) in the shape (B, 1, 1, T) in which transformers passes a mask through unread."""
    mask = segment[:, None, None, :]
    mask.bounds = [_bounds(row) for row in segment.tolist()]  # type: ignore[attr-defined]
    return mask


def dense_mask(segment: Tensor, dtype: torch.dtype) -> Tensor:
    """What each position may attend to, (B, T) segments -> (B, 1, T, T), 0 where it may and very negative elsewhere.

    Padding sees only itself, so that no row of the softmax is empty.
    """
    own = segment[:, :, None] == segment[:, None, :]
    prompt = (segment == PROMPT)[:, None, :] & (segment != PADDING)[:, :, None]
    causal = torch.ones(segment.shape[1], segment.shape[1], dtype=torch.bool, device=segment.device).tril()
    allowed = (own | prompt) & causal
    mask = torch.full(allowed.shape, torch.finfo(dtype).min, dtype=dtype, device=segment.device)
    return mask.masked_fill_(allowed, 0.0)[:, None]


def _bounds(row: list[int]) -> Bounds:
    found, start = [], 0
    for segment, members in groupby(row):
        end = start + len(list(members))
        found.append((segment, start, end))
        start = end
    return found


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """query (B, H, T, d), key and value (B, H or fewer, T, d) -> (B, T, H, d)."""
    bounds: list[Bounds] | None = getattr(attention_mask, "bounds", None)
    if bounds is None:
        out, _ = sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **kwargs)
        return out, None
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    rows = [_row(query[b], key[b], value[b], own, dropout, scaling) for b, own in enumerate(bounds)]
    return torch.stack(rows).transpose(1, 2), None


def _row(query: Tensor, key: Tensor, value: Tensor, bounds: Bounds, dropout: float, scaling: float | None) -> Tensor:
    """One row, (H, T, d) each."""
    parts, length = list[Tensor](), 0
    for segment, start, end in bounds:
        own = query[None, :, start:end]
        if segment == PADDING:
            parts.append(torch.zeros_like(own))
            continue
        keys, values = key[None, :, start:end], value[None, :, start:end]
        mask = None
        if segment == PROMPT:
            length = end
        else:
            keys = torch.cat([key[None, :, :length], keys], 2)
            values = torch.cat([value[None, :, :length], values], 2)
            # the last query sees every key: a triangle at the lower right
            mask = torch.ones(end - start, length + end - start, dtype=torch.bool, device=query.device).tril(length)
        causal = segment == PROMPT
        parts.append(scaled_dot_product_attention(own, keys, values, mask, dropout, is_causal=causal, scale=scaling))
    return torch.cat(parts, 2)[0]


AttentionInterface.register(NAME, _attend)
AttentionMaskInterface.register(NAME, sdpa_mask)
