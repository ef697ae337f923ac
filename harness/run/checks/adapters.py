"""Whether an arm's LoRA adapters fit the base, known once the base is loaded and before anything is swept."""

from __future__ import annotations

from alignment.batching.policy import Policy
from alignment.settings import make_lora
from alignment.weights.trainable import lora_layers, narrow_layers
from harness.config.schema import Arm
from harness.core.errors import ConfigError


def check_layers(arm: Arm, model: object) -> None:
    """Raise ConfigError where an arm's `lora.targets` match no layer of the base, or its `lora.r` is above the width of all. A
    model of a fleet is not here: its training says so."""
    try:
        _narrow_layers(arm, model)
    except ConfigError as error:
        raise ConfigError(f"arm {arm.name}: {error}") from error


def _narrow_layers(arm: Arm, model: object) -> dict[str, int]:
    lora = (arm.align.options.get("training") or {}).get("lora")
    if lora is None or not isinstance(model, Policy):
        return {}
    made = make_lora(lora)
    return narrow_layers(model.module, lora_layers(model.module, made.targets), made.r)


def noted_rank(arm: Arm, model: object) -> tuple[str, ...]:
    """What is said of layers that are narrower than the rank of an arm's adapters."""
    try:
        narrow = _narrow_layers(arm, model)
    except ConfigError:
        return ()  # `check_layers` refuses the arm
    if not narrow:
        return ()
    name, width = min(narrow.items(), key=lambda layer: layer[1])
    return (
        f"lora.r of arm {arm.name} is above the width of {len(narrow):,} of the layers that it adapts ({name}: {width}): "
        "there the rest of the rank learns nothing.",
    )
