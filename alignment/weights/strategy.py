"""How weights are held while several processes train: whole (`replicated`), or divided (`fsdp`, `deepspeed`)."""

from __future__ import annotations

import os

from alignment.weights.deepspeed import Zero
from alignment.weights.fsdp import Sharded
from alignment.weights.replicated import Replicated
from alignment.weights.trainable import Trainable
from alignment.weights.workers import Workers
from harness.core.errors import ConfigError


def divide(trained: Trainable, workers: Workers, online: bool) -> Replicated:
    """The strategy that accelerate's configuration selects. Raises ConfigError for what cannot be divided."""
    divided = _is_asked_for("DEEPSPEED") or (workers.count > 1 and _is_asked_for("FSDP"))
    if divided and trained.anchor:
        raise ConfigError(
            "reference_sync needs the whole weights in each process; start it without FSDP and DeepSpeed "
            "(`accelerate launch --multi_gpu`)."
        )
    if _is_asked_for("DEEPSPEED"):
        return Zero(trained, workers)
    if workers.count == 1 or not _is_asked_for("FSDP"):
        return Replicated(trained, workers)
    if online:
        raise ConfigError(
            "An aligner that draws answers while it trains needs the whole model in each process; start it without FSDP "
            "(`accelerate launch --multi_gpu`), with LoRA where memory is short."
        )
    return Sharded(trained, workers)


def _is_asked_for(what: str) -> bool:
    """Whether `accelerate launch` set it for its processes."""
    return os.environ.get(f"ACCELERATE_USE_{what}", "false").lower() == "true"
