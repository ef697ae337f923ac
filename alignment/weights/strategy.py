"""How weights are held while several processes train: whole (`replicated`), or divided (`fsdp`, `deepspeed`)."""

from __future__ import annotations

from alignment.weights.deepspeed import Zero, configuration
from alignment.weights.fsdp import Sharded
from alignment.weights.replicated import Replicated
from alignment.weights.trainable import Trainable
from alignment.weights.workers import Workers
from harness.core.edge.launch import is_asked_for
from harness.core.errors import ConfigError


def divide(trained: Trainable, workers: Workers, online: bool) -> Replicated:
    """The strategy that accelerate's configuration selects. Raises ConfigError for what cannot be divided."""
    check_division(workers, online, moving=bool(trained.anchor))
    if is_asked_for("DEEPSPEED"):
        return Zero(trained, workers)
    return Sharded(trained, workers) if workers.count > 1 and is_asked_for("FSDP") else Replicated(trained, workers)


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
