"""Values of the transformers backend's options that no checkpoint can be opened with: known before one is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from harness.core.errors import ConfigError, ModelError
from harness.models._checkpoint.requirements import checked_attention, thinking_limit
from harness.models._conversation.template_options import checked_date
from harness.models._device.placement import checked_threads, dtype_of, named_device
from harness.models._device.token_budget import checked_rows, checked_slots
from harness.models._engine.checkpoint_checks import check_names
from harness.models._engine.generation_settings import checked_use
from harness.models._images.recipe import checked_cache
from harness.models._images.workers import workers_for

_CPU = torch.device("cpu")
_CHECKS: dict[str, Callable[[Any], object]] = {
    "dtype": lambda name: dtype_of(name, _CPU),
    "device": lambda name: name == "auto" or named_device(name),
    "attention": checked_attention,
    "rows": checked_rows,
    "tokens": checked_slots,
    "threads": checked_threads,
    "generation_config": checked_use,
    "despite": check_names,
    "template_date": checked_date,
    "thinking_tokens": thinking_limit,
    "pixel_cache": checked_cache,
    "image_workers": lambda number: workers_for(number, _CPU),
}


def check_values(options: Mapping[str, Any]) -> None:
    """Raises ConfigError naming all of them. Whether a machine has the device is left to the process that opens the model."""
    faults = []
    for name, check in _CHECKS.items():
        try:
            if options.get(name) is not None:
                check(options[name])
        except (ConfigError, ModelError) as error:
            faults.append(str(error))
    if faults:
        raise ConfigError(" ".join(faults))
