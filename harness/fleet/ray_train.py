"""Distributed training of one arm through Ray Train: a worker group that is gang-scheduled and restarted as a whole."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from harness.config.fleet_form import ArmResources
from harness.core.errors import ConfigError, HarnessError, TrainingError
from harness.fleet.local_processes import LocalProcesses
from harness.fleet.local_ray.raylet_watch import Say
from harness.fleet.ray_cluster import RayCluster

_MAX_RESTARTS = 3  # of all processes of an arm, when one is lost
_PROCESS_GROUP_TIMEOUT = timedelta(days=1)  # of one process for another


def gpus_per_process(resources: ArmResources, cluster: RayCluster | LocalProcesses) -> float:
    """GPUs of each process: one where the cluster has any, unless the arm says otherwise."""
    return resources.gpus if resources.gpus is not None else min(cluster.total("GPU"), 1.0)


def check_resources(name: str, resources: ArmResources, cluster: RayCluster | LocalProcesses) -> None:
    """Raises ConfigError where an arm asks for more than all hosts have together: it would wait without end."""
    gpus, cpus, there = gpus_per_process(resources, cluster), cluster.total("CPU"), cluster.total("GPU")
    if resources.workers * gpus > there or resources.workers > cpus:
        processes = "1 process" if resources.workers == 1 else f"{resources.workers} processes"
        raise ConfigError(
            f"Arm {name} asks for {processes} with {gpus:g} GPUs and a CPU each, and the fleet's hosts have "
            f"{there:g} GPUs and {cpus:g} CPUs. Give fewer `resources.workers` or `resources.gpus`, or add hosts."
        )


def train_with_ray(
    work: Callable[[Mapping[str, Any]], None],
    given: Mapping[str, Any],
    name: str,
    resources: ArmResources,
    cluster: RayCluster,
    folder: Path,
    say: Say,
) -> None:
    """`work(given)` in `asked.workers` processes that torch.distributed joins; it must resume from its own files.

    Args:
        folder: on storage that all hosts see; Ray Train keeps its own state there.
        say: prints the last line of this process where Ray on this host ends: Ray Train does not come back then.
    Raises TrainingError where it fails, after `_MAX_RESTARTS` new starts; `work` says elsewhere what went wrong.
    """
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    os.environ.setdefault("RAY_TRAIN_METRICS_ENABLED", "0")
    os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")  # one more process; our loop saves states at its own pace
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "3600")  # while other arms have the GPUs
    try:
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer
    except ImportError as error:
        raise ConfigError(f"Arms on a fleet need Ray Train: pip install 'mm-align-harness[ray]' ({error}).") from error
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    gpus = gpus_per_process(resources, cluster)
    trainer = TorchTrainer(
        work,
        train_loop_config=dict(given),
        torch_config=TorchConfig(backend=None if gpus else "gloo", timeout_s=int(_PROCESS_GROUP_TIMEOUT.total_seconds())),
        scaling_config=ScalingConfig(
            num_workers=resources.workers,
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": 1.0, **({"GPU": gpus} if gpus else {})},
        ),
        run_config=RunConfig(
            name=name, storage_path=str(folder.resolve()), failure_config=FailureConfig(max_failures=_MAX_RESTARTS)
        ),
    )
    try:
        with cluster.exits_if_ray_ends(say):
            trainer.fit()
    except HarnessError:
        raise
    except Exception as error:  # of Ray Train, of many classes
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise TrainingError((lines or [type(error).__name__])[-1][:300]) from error
