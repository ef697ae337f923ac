"""Which adapters vLLM computes in full: plain LoRA on the layers of the language model.

vLLM leaves out, with no more than a line in its log, LoRA of vision towers and projectors, and reads one rank and one
alpha for all layers (vllm/lora/peft_helper.py, docs/features/lora).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open

from harness.models._checkpoint.adapters import CONFIG, WEIGHTS

_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # values of --max-lora-rank
_REFUSED = ("use_dora", "modules_to_save", "rank_pattern", "alpha_pattern", "lora_bias", "target_parameters", "use_rslora")
_OF_LAYERS = re.compile(r"\.layers\.\d+\..+\.lora_[AB]\.weight$")
_VISION = re.compile(r"vis|image|projector|merger|connector|resampler|perceiver|audio", re.IGNORECASE)


def unserved(adapters: Sequence[Path]) -> str:
    """Why vLLM would refuse a chain of adapters or leave a part of it out; "" where it serves it whole."""
    if len(adapters) > 1:
        return "it lies on another adapter, and a request takes one"
    settings = _settings(adapters[0])
    if settings.get("peft_type") != "LORA":
        return f"it is of the kind {settings.get('peft_type')}"
    used = [name for name in _REFUSED if settings.get(name)]
    used += ["bias"] if settings.get("bias", "none") != "none" else []
    if used:
        return f"it uses {', '.join(used)}"
    if _rank(settings) > _RANKS[-1]:
        return f"its rank {_rank(settings)} is above {_RANKS[-1]}"
    with safe_open(adapters[0] / WEIGHTS, framework="np") as weights:
        other = [name for name in weights.keys() if not _OF_LAYERS.search(name) or _VISION.search(name)]  # noqa: SIM118
    return f"it changes more than the language model's layers ({other[0]})" if other else ""


def vllm_rank(adapter: Path) -> int:
    """The smallest --max-lora-rank that holds the adapter."""
    return next(rank for rank in _RANKS if rank >= _rank(_settings(adapter)))


def _rank(settings: dict[str, Any]) -> int:
    return int(settings["r"])


def _settings(adapter: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
    return found
