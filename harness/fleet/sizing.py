"""How many workers a fleet has, and what each of them gets."""

from __future__ import annotations

from harness.config.fleet_form import FleetConfig
from harness.core.errors import ConfigError
from harness.fleet.cluster import Cluster


def sized(settings: FleetConfig, cluster: Cluster) -> tuple[int, float]:
    """(workers, GPUs of each). Raises ConfigError where the cluster's hosts have less than is asked for."""
    cpus, there = cluster.total("CPU"), cluster.total("GPU")
    gpus = settings.gpus if settings.gpus is not None else min(there, 1.0)
    size = settings.workers or (int(there / gpus) if gpus else len(cluster.nodes()))
    if size * gpus > there or size < 1:
        raise ConfigError(
            f"The fleet asks for {max(size, 1)} workers with {gpus:g} GPUs each, and its hosts have {there:g} GPUs. Give "
            "fewer `--workers`, or fewer `fleet.gpus`."
        )
    if size > cpus:
        raise ConfigError(f"The fleet asks for {size} workers, and its hosts have {cpus:g} CPUs: one a worker is needed.")
    return size, gpus
