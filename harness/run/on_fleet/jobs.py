"""How many processes of this machine a study uses side by side (the key `jobs`), and how many workers a fleet has."""

from __future__ import annotations

from typing import Any

from alignment.weights.workers import workers
from harness.config.fleet_form import FleetConfig
from harness.config.schema import RunConfig
from harness.core.edge.processes import cores

_MOST = 8  # by `auto`: each process holds the checkpoint of its own


def workers_setting(config: RunConfig) -> FleetConfig | int | None:
    """Who answers besides this process: the study's fleet, or so many processes; None where training has several already."""
    if not workers().is_main or (config.fleet is None and workers().count > 1):
        return None
    return config.fleet or jobs_of(config)


def jobs_of(config: RunConfig) -> int:
    """`auto`: on a CPU as many as cores allow, each with the `threads` that the model's options name; else one.

    At least two where there are two cores: a small model keeps two threads busy for a fraction of the time. The number of
    processes changes no answer; it is the number of threads of each that does.
    """
    if config.jobs != "auto":
        return config.jobs
    options: dict[str, Any] = config.model.options
    threads = options.get("threads")
    if config.model.name != "transformers" or options.get("device") != "cpu" or not isinstance(threads, int):
        return 1
    return min(cores(), max(2, cores() // max(threads, 1)), _MOST)


def fleet_size(config: RunConfig) -> int:
    """Workers of a study's fleet, as far as this process knows: as asked, or the GPUs of this machine."""
    import torch

    asked = config.fleet.workers if config.fleet is not None else None
    return asked or max(1, torch.cuda.device_count())
