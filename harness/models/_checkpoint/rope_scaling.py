"""Rotary positions whose frequencies depend on how long a text is: `dynamic` and `longrope` beyond the original length.

transformers takes the frequencies from the largest position of each call and, for `dynamic`, keeps the longest seen. Rows of a
batch would change each other, and answers would depend on earlier requests. Such rows are read alone, each prompt in one
piece, and the module's cached frequencies are reset: the numbers are then those of a freshly loaded model.
"""

from __future__ import annotations

from typing import Any


def original_length(config: Any) -> int | None:
    """Positions from which on the frequencies of a text model change; None where they never do."""
    limits = []
    for own in _kinds(config):
        kind = str(own.get("rope_type", "default"))
        if "dynamic" in kind:
            limits.append(config.max_position_embeddings)
        elif kind == "longrope":
            limits.append(own.get("original_max_position_embeddings") or config.max_position_embeddings)
    return min(limits, default=None)


def context_length(config: Any) -> int | None:
    """The largest number of positions that a text model was made for; None where its configuration has no such value.

    `linear` and `yarn` stretch the original positions by their factor; `dynamic` adapts to any length.
    """
    most = getattr(config, "max_position_embeddings", None)
    kinds = _kinds(config)
    if not isinstance(most, int) or any("dynamic" in str(own.get("rope_type")) for own in kinds):
        return None
    stretched = [
        int((own.get("original_max_position_embeddings") or most) * float(own.get("factor") or 1))
        for own in kinds
        if own.get("rope_type") in ("linear", "yarn")
    ]
    return max([most, *stretched])


def _kinds(config: Any) -> list[dict[str, Any]]:
    """The rope parameters of a text model: one mapping, or one for each kind of layer."""
    rope = getattr(config, "rope_parameters", None) or {}
    return [rope] if "rope_type" in rope else [own for own in rope.values() if isinstance(own, dict)]


def forget_lengths(module: Any) -> None:
    """Let `dynamic` frequencies be those of the original length again; those of the next call are then its own."""
    for part in module.modules():
        kinds = getattr(part, "rope_type", None)
        for layer, kind in kinds.items() if isinstance(kinds, dict) else [("", kinds)]:
            before = f"{layer}_" if layer else ""
            frequencies = getattr(part, f"{before}original_inv_freq", None)
            if "dynamic" in str(kind) and frequencies is not None:
                device = getattr(part, f"{before}inv_freq").device
                part.register_buffer(f"{before}inv_freq", frequencies.to(device), persistent=False)
                setattr(part, f"{before}max_seq_len_cached", part.original_max_seq_len)
