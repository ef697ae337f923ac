"""Slots of the key/value cache that the engine may use at once: on a GPU what its memory holds, elsewhere a fixed number.

A slot is the keys and values of one token in all layers. The number is cut to four steps a doubling: what shares a batch, and
so the last bits of a number, then does not follow every megabyte that another process takes.
"""

from __future__ import annotations

import logging
from typing import Any

import torch

from harness.core.errors import ConfigError

ELSEWHERE = 32_768  # more in work would not be faster on a CPU
_LEAST, _MOST = 2048, 1 << 22
_READ = 32_768  # tokens that are read in one go at most, see `shared_kv_cache.py`
_FIXED = 4 << 30  # bytes: a pass of the vision tower, scores of attention in steps, the logits of all rows, recorded steps
_COPIES = 2  # rows that move to longer shelves are there twice for a moment
_log = logging.getLogger("harness")


def cache_slots(tokens: int | None, module: Any) -> int:
    """Slots for a module that lies on its device with its weights: `tokens` where it is given, else what is free there.

    Raises ConfigError for a number below 1.
    """
    if tokens is not None:
        return checked_slots(tokens)
    weight = module.get_input_embeddings().weight
    if weight.device.type != "cuda":
        return ELSEWHERE
    free = _free(weight.device)
    found = max(free - reserve(module), 0) // (_COPIES * slot_bytes(module))
    step = 1 << max(found.bit_length() - 3, 0)
    slots = min(max(found // step * step, _LEAST), _MOST)
    _log.info("Key/value cache: %s slots, from %.1f GiB of free memory.", f"{slots:,}", free / 2**30)
    return slots


def checked_rows(rows: int) -> int:
    """Raises ConfigError for a number below 1."""
    if rows < 1:
        raise ConfigError(f"model.rows is {rows}; give how many answers may be in work at once, 1 or more.")
    return rows


def checked_slots(tokens: int) -> int:
    """Raises ConfigError for a number below 1."""
    if tokens < 1:
        raise ConfigError(f"model.tokens is {tokens}; give the slots of the key/value cache, 1 or more, or leave it out.")
    return tokens


def slot_bytes(module: Any) -> int:
    """Bytes of one token's keys and values, at most.

    Every layer counts in full: layers with a window keep all slots here (`LanguageModel.cache`), and those with a running
    state, or that share the keys and values of another, hold less.
    """
    element = module.get_input_embeddings().weight.element_size()
    return sum(_layer_bytes(layer, element) for layer in _layers(module))


def _layer_bytes(layer: Any, element: int) -> int:  # Any: the configuration of a text model, another class for each family
    if getattr(layer, "kv_lora_rank", None):  # latent attention: keys and values are kept as they are attended to
        width = layer.qk_nope_head_dim + layer.qk_rope_head_dim + layer.v_head_dim
        return int(layer.num_attention_heads * width * element)
    heads = getattr(layer, "num_key_value_heads", None) or layer.num_attention_heads
    width = getattr(layer, "head_dim", None) or layer.hidden_size // layer.num_attention_heads
    return int(2 * heads * width * element)


def _layers(module: Any) -> list[Any]:  # Any: as above
    """A configuration for every layer: Gemma 4's differ."""
    text = module.config.get_text_config()
    n = int(text.num_hidden_layers)
    return list(getattr(text, "per_layer_config", None) or [text] * n)[:n]


def reserve(module: Any) -> int:
    """Bytes left free for activations: those of the longest read through one layer, and a fixed part."""
    element = module.get_input_embeddings().weight.element_size()
    layers = _layers(module)
    wide = max(getattr(layer, "intermediate_size", None) or 4 * layer.hidden_size for layer in layers)
    return int(_READ * (6 * layers[0].hidden_size + 3 * wide) * element + _FIXED)


def _free(device: torch.device) -> int:
    """Bytes that the device has left, those included that torch holds without using them."""
    spare = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + spare
