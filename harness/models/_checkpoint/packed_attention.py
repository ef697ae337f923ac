"""Attention over rows that hold several answers to one prompt: `[prompt + image | answer_1 | .. | answer_n]`.

A row's segments (0 the prompt, 1.. the answers, -1 padding and hidden image tokens) define what attends to what: the prompt
itself, causally; an answer the prompt and itself, causally. As one dense mask that costs T x T scores, most of which are
thrown away. Here the prompt and each answer attend on their own, which computes what is needed: the same numbers for half to a
third of it, on the fused kernels of any device. Rows are laid end to end, so that padding costs nothing either.

The last layer goes further: nothing reads the prompt's own states behind it but the last one, which predicts every
answer's first token, so there the prompt's other queries and all that follows at its positions are left out.

It is registered in transformers as one more attention implementation, which is SDPA for every other mask.
"""

from __future__ import annotations

import threading
from functools import cache
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

NAME = "sdpa_segments"
PROMPT, PADDING = 0, -1
Bounds = list[tuple[int, int]]  # (segment, length), row after row, without padding


def use_segments(language_model: Any) -> bool:
    """Let a language model read segment masks; False where it does not attend by SDPA, once a layer, and needs a dense mask."""
    if language_model.config._attn_implementation != "sdpa":
        return False
    _register()
    language_model.set_attn_implementation(NAME)
    if language_model.config._attn_implementation != NAME:  # its class takes no implementation but its own
        return False
    if not _attends_once_a_layer(language_model):
        language_model.set_attn_implementation("sdpa")
        language_model.attends_otherwise = True
        return False
    last = (getattr(language_model, "layers", None) or [None])[-1]
    if isinstance(getattr(last, "mlp", None), nn.Module) and isinstance(getattr(last, "self_attn", None), nn.Module):
        last.self_attn.is_last_of_segments = True
        last.self_attn.register_forward_pre_hook(_remember_read, with_kwargs=True)
        named = ((last.self_attn, "q_proj"), (last.self_attn, "o_proj"), (last, "post_attention_layernorm"), (last, "mlp"))
        for part in (getattr(owner, name, None) for owner, name in named):
            if part is not None:
                part.register_forward_pre_hook(_take_read)
                part.register_forward_hook(_put_back)
        last.register_forward_hook(_forget_read, always_call=True)
    return True


def dense_masks(language_model: Any) -> dict[str, str]:
    """A fact of a text model that `use_segments` found to attend otherwise than once a layer."""
    return {"attention masks": "dense"} if getattr(language_model, "attends_otherwise", False) else {}


@torch.no_grad()
def _attends_once_a_layer(language_model: Any) -> bool:
    """Whether each layer hands its queries, keys and values over once, with our mask, in a pass over two tokens.

    Differential attention does so twice, and attention that makes a mask of its own never.
    """
    asked: list[int] = []

    def attend(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        asked.append(module.layer_idx)  # type: ignore[arg-type]
        return value.new_zeros(1, query.shape[2], query.shape[1], value.shape[3])

    mask = torch.zeros(1, 1, 1, 1)
    mask.attend = attend  # type: ignore[attr-defined]
    weight = language_model.get_input_embeddings().weight
    two = torch.tensor([[0, 1]], device=weight.device)
    try:
        language_model(inputs_embeds=weight[:2][None], attention_mask=mask, position_ids=two, use_cache=False)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError):
        return False
    return asked == list(range(language_model.config.num_hidden_layers))


@cache
def _register() -> None:
    """What transformers' models are built on is imported with the first of them: it takes seconds and 110 MiB."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)


def pack(batch: Tensor, segment: Tensor) -> Tensor:
    """(B, T, ...) -> (1, N, ...): the positions that are not padding, row after row."""
    return batch[segment != PADDING][None]


def unpack(packed: Tensor, segment: Tensor) -> Tensor:
    """(1, N, D) -> (B, T, D), zero where there is padding."""
    whole = packed.new_zeros(*segment.shape, packed.shape[-1])
    whole[segment != PADDING] = packed[0]
    return whole


def packed_mask(segment: Tensor) -> Tensor:
    """Segments (B, T) of packed rows, in the shape (1, 1, 1, N) in which transformers passes a mask through unread."""
    mask = pack(segment, segment)[:, None, None]
    mask.bounds = [bound for row in segment.tolist() for bound in _bounds(row)]  # type: ignore[attr-defined]
    mask.read = pack(is_read(segment), segment)  # type: ignore[attr-defined]
    return mask


def is_read(segment: Tensor) -> Tensor:
    """(B, T) bool: the positions whose final states are read, those of answers and the last one of the prompt."""
    ends = torch.nn.functional.pad(segment[:, 1:], (0, 1), value=PADDING) != PROMPT
    return (segment > PROMPT) | ((segment == PROMPT) & ends)


def visible(segment: Tensor) -> Tensor:
    """What each position may look back at, (B, T) segments -> (B, T, T) bool. Padding sees padding."""
    own = segment[:, :, None] == segment[:, None, :]
    prompt = (segment == PROMPT)[:, None, :] & (segment != PADDING)[:, :, None]
    causal = torch.ones(segment.shape[1], segment.shape[1], dtype=torch.bool, device=segment.device).tril()
    return (own | prompt) & causal


def dense_mask(segment: Tensor, dtype: torch.dtype) -> Tensor:
    """The same to be added to scores, (B, T) segments -> (B, 1, T, T), 0 where it may and very negative elsewhere."""
    allowed = visible(segment)
    mask = torch.full(allowed.shape, torch.finfo(dtype).min, dtype=dtype, device=segment.device)
    return mask.masked_fill_(allowed, 0.0)[:, None]


def _bounds(row: list[int]) -> Bounds:
    return [(segment, len(list(members))) for segment, members in groupby(s for s in row if s != PADDING)]


class _Read(threading.local):
    """Passed from the last layer's attention to its own parts and those that run next: the positions that are read. Of one pass
    in one thread: a part that is called alone, or another model's beside it, has none."""

    now: Tensor | None = None


_read = _Read()


def _remember_read(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    _read.now = getattr(kwargs.get("attention_mask"), "read", None)


def _forget_read(*_: Any) -> None:
    _read.now = None


def _take_read(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    """(1, N, D) -> (1, n, D): mixtures of experts need states of three dimensions."""
    return None if _read.now is None else (args[0][_read.now][None], *args[1:])


def _put_back(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> Tensor | None:
    if _read.now is None:
        return None
    whole = out.new_zeros(*_read.now.shape, out.shape[-1])
    whole[_read.now] = out[0]
    return whole


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
    """query (B, H, T, d), key and value (B, H or fewer, T, d) -> (B, T, H, d); of packed rows B is 1."""
    bounds: Bounds | None = getattr(attention_mask, "bounds", None)
    is_last = bool(getattr(module, "is_last_of_segments", False))
    own: Any = getattr(attention_mask, "attend", None)
    if own is not None:  # the engine's way, see `shared_kv_cache.py`
        return own(module, query, key, value, query.shape[-1] ** -0.5 if scaling is None else scaling), None
    if bounds is None:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        out, _ = sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **kwargs)
        return out, None
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    return _packed(query, key, value, bounds, is_last, dropout, scaling).transpose(1, 2).contiguous(), None


def _packed(
    query: Tensor, key: Tensor, value: Tensor, bounds: Bounds, is_last: bool, dropout: float, scaling: float | None
) -> Tensor:
    """All rows, (1, H, N, d) each. Taken apart by split, whose gradient is put together in one go."""
    sizes = [length for _, length in bounds]
    pieces = zip(bounds, *(torch.split(t, sizes, 2) for t in (query, key, value)), strict=True)
    parts = list[Tensor]()
    prompt = (query, key, value)
    for (segment, length), q, k, v in pieces:
        mask = None
        if segment == PROMPT:
            prompt = (q, k, v)
            if is_last:  # only the last query is read, and it sees every key
                parts.append(v.new_zeros(*q.shape[:2], length - 1, v.shape[-1]))
                q = q[:, :, -1:]
        else:
            before = prompt[1].shape[2]
            k, v = torch.cat([prompt[1], k], 2), torch.cat([prompt[2], v], 2)
            # the last query sees every key: a triangle at the lower right
            mask = torch.ones(length, before + length, dtype=torch.bool, device=q.device).tril(before)
        causal = segment == PROMPT and not is_last
        parts.append(scaled_dot_product_attention(q, k, v, mask, dropout, is_causal=causal, scale=scaling))
    return torch.cat(parts, 2)
