"""Whether the base can be trained and arms' LoRA adapters fit it: known from its configuration, before anything is loaded or
begun; where that does not tell its layers, once it is loaded and before anything is swept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from alignment.batching.policy import Policy
from alignment.settings import make_lora
from alignment.trackers import check_access
from alignment.weights.joined_adapters import require_joinable
from alignment.weights.trainable import expert_parameters, lora_layers, narrow_layers, require_projector
from harness.config.option_faults import all_faults
from harness.config.schema import Arm, RunConfig
from harness.core import registry
from harness.core.errors import ConfigError, TrainingError
from harness.core.outlines import HasOutline, OutlinesCheckpoints
from harness.core.plugins import Model, Progress, no_progress
from harness.core.run_record import ADAPTER
from harness.models._checkpoint.adapters import has_layers_of_peft
from harness.models._checkpoint.loading import family_of
from harness.models._checkpoint.training_view import UNMERGED
from harness.run.models import options_of
from harness.run.on_fleet.jobs import workers_setting


def check_trained(config: RunConfig) -> None:
    """Raise ConfigError naming all that stands against the trainings of a study: a family that is not trained here, arms whose
    `lora.targets` match no layer of the base, whose `lora.r` is above the width of all, or whose `projector_learning_rate`
    is for a projector that the base does not have.

    With processes side by side one of them looks: the libraries of models take 130 MiB in this one, which only waits.
    """
    if not (config.reward_models or config.arms):
        return
    if not isinstance(registry.get("model", config.model.name), OutlinesCheckpoints):
        return
    workers, given = workers_setting(config), {"config": config, "cwd": os.getcwd()}
    if isinstance(workers, int) and workers > 1:
        from harness.fleet.local_processes import LocalProcesses

        faults = LocalProcesses(1).train(training_faults, given, no_progress)
    else:
        faults = training_faults(given)
    if len(faults) == 1:
        raise ConfigError(faults[0])
    if faults:
        raise ConfigError(all_faults(faults, "the configuration"))


def training_faults(given: Mapping[str, Any], progress: Progress = no_progress) -> list[str]:
    """What stands against the trainings of `given["config"]`, whose paths are relative to `given["cwd"]`."""
    os.chdir(given["cwd"])
    config: RunConfig = given["config"]
    plugin = registry.get("model", config.model.name)
    module = plugin.outline_of(options_of(config)) if isinstance(plugin, OutlinesCheckpoints) else None
    if not isinstance(module, nn.Module):
        return []
    why = family_of(module).untrained
    faults = [f"model: {why}"] if why else []
    for arm in (*config.reward_models, *config.arms):
        try:
            _check(arm, module)
        except ConfigError as error:
            faults.append(f"arm {arm.name}: {error}")
    return faults


def check_layers(arm: Arm, model: object) -> None:
    """Raise ConfigError where an arm's LoRA or `projector_learning_rate` does not fit the base, which is loaded, where the
    base is an adapter that the arm cannot be trained on in half precision, or where a tracker cannot be used."""
    try:
        if _training_of(arm).keys() & {"lora", "projector_learning_rate"}:
            _check(arm, _module_of(model))
        _check_adapter(arm, model)
        check_access(_training_of(arm).get("trackers", ()))
    except (ConfigError, TrainingError) as error:
        raise ConfigError(f"arm {arm.name}: {error}") from error


def _check_adapter(arm: Arm, model: object) -> None:
    """Of a base that is an adapter beside half-precision weights: see `joined_adapters.py`."""
    if not isinstance(model, Model) or ADAPTER not in model.facts():
        return
    if isinstance(model, Policy) and has_layers_of_peft(model.module):
        raise ConfigError(UNMERGED)
    if _lora_of(arm) is not None and arm.after is None:
        require_joinable(Path(model.checkpoint.folder))


def noted_rank(arm: Arm, model: object) -> tuple[str, ...]:
    """What is said of layers that are narrower than the rank of an arm's adapters."""
    try:
        narrow = _narrow_layers(arm, _module_of(model)) if _lora_of(arm) is not None else {}
    except ConfigError:
        return ()  # `check_layers` refuses the arm
    if not narrow:
        return ()
    name, width = min(narrow.items(), key=lambda layer: layer[1])
    return (
        f"lora.r of arm {arm.name} is above the width of {len(narrow):,} of the layers that it adapts ({name}: {width}): "
        "there the rest of the rank learns nothing.",
    )


def noted_experts(arm: Arm, model: object) -> tuple[str, ...]:
    """What is said of the experts of a mixture, which an arm's adapters leave as they are."""
    module = _module_of(model) if _lora_of(arm) is not None else None  # a fleet's takes memory: the libraries of models
    experts, of = expert_parameters(module) if module is not None else (0, 0)
    if not experts:
        return ()
    return (f"LoRA of arm {arm.name}: experts are not adapted, {experts:,} of {of:,} parameters of the layers.",)


def _training_of(arm: Arm) -> Mapping[str, Any]:
    return arm.align.options.get("training") or {}


def _lora_of(arm: Arm) -> Mapping[str, Any] | None:
    return _training_of(arm).get("lora")


def _module_of(model: object) -> nn.Module | None:
    """The layers of a model of this process, or of a fleet's; None where they are not known."""
    if isinstance(model, Policy):
        return model.module
    module = model.outline if isinstance(model, HasOutline) else None
    return module if isinstance(module, nn.Module) else None


def _check(arm: Arm, module: nn.Module | None) -> None:
    if module is not None:
        require_projector(module, _training_of(arm).get("projector_learning_rate"))
    _narrow_layers(arm, module)


def _narrow_layers(arm: Arm, module: nn.Module | None) -> dict[str, int]:
    lora = _lora_of(arm)
    if lora is None or module is None:
        return {}
    made = make_lora(lora)
    return narrow_layers(module, lora_layers(module, made.targets), made.r)
