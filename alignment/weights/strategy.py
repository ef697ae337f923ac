"""How weights are held while several processes train: whole (`replicated`), or divided (`fsdp`, `deepspeed`)."""

from __future__ import annotations

from alignment.weights.deepspeed import Zero, configuration
from alignment.weights.fsdp import Sharded
from alignment.weights.replicated import Replicated
from alignment.weights.trainable import Trainable, is_projector, is_tower
from alignment.weights.workers import Workers
from harness.core.edge.launch import is_asked_for
from harness.core.errors import ConfigError


def divide(trained: Trainable, workers: Workers, online: bool, mixed: bool = False) -> Replicated:
    """The strategy that accelerate's configuration selects. Raises ConfigError for what cannot be divided.

    mixed: some rows show an image and others none.
    """
    check_division(workers, online, moving=bool(trained.anchor))
    zero, fsdp = is_asked_for("DEEPSPEED"), workers.count > 1 and is_asked_for("FSDP")
    if mixed and (zero or fsdp):
        _require_same_gradients(trained, zero)
    return Zero(trained, workers) if zero else Sharded(trained, workers, mixed) if fsdp else Replicated(trained, workers)


def _require_same_gradients(trained: Trainable, zero: bool) -> None:
    """Raise ConfigError where a process without an image would lack gradients that others have: they wait for each other."""
    if any(map(is_tower, trained.weights)):
        part, cure = "vision tower", "Set training.freeze_vision: true (lora: no layer of the tower in lora.targets)"
    elif zero and any(map(is_projector, trained.weights)):
        part, cure = "projector", "Use lora without projector_learning_rate, or FSDP2 (`accelerate launch --use_fsdp`)"
    else:
        return
    raise ConfigError(
        f"Some pairs have an image and others none, and the {part} is trained: {'DeepSpeed' if zero else 'FSDP'} cannot add up "
        f"gradients that a process without an image lacks. {cure}, leave out the pairs without an image, or start it with "
        "whole weights (`accelerate launch --multi_gpu`; on a fleet without `resources.sharded`)."
    )


def check_division(workers: Workers, online: bool, moving: bool, sharded: bool | None = None) -> None:
    """Raise ConfigError where weights would be divided that an aligner needs whole; no model is needed.

    online, moving: it draws answers while it trains; its reference follows the policy (`reference_sync`).
    sharded: by FSDP; None: as accelerate's configuration says.
    """
    zero = sharded is None and is_asked_for("DEEPSPEED")
    fsdp = workers.count > 1 and (is_asked_for("FSDP") if sharded is None else sharded)
    if moving and (zero or fsdp):
        raise ConfigError(
            "reference_sync needs the whole weights in each process; start it without FSDP and DeepSpeed "
            "(`accelerate launch --multi_gpu`; on a fleet without `resources.sharded`)."
        )
    if zero:
        configuration(workers)
    elif fsdp and online:
        raise ConfigError(
            "An aligner that draws answers while it trains needs the whole model in each process; start it without FSDP "
            "(`accelerate launch --multi_gpu`; on a fleet without `resources.sharded`), with LoRA where memory is short."
        )
