"""Opens checkpoints: in this process, or on the workers of a fleet."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.fleet_form import FleetConfig
from harness.config.schema import RunConfig
from harness.core import registry
from harness.core.digests import folder_state
from harness.core.errors import ModelError
from harness.core.files import write_text_whole
from harness.core.plugins import Model
from harness.core.run_record import Checkpoint
from harness.miniworld.model.paths import checkpoint_folder
from harness.models._own_server.shared_servers import end_idle_servers
from harness.storage.remembered_digests import RememberedDigests
from harness.storage.run_folder import FLEET_FILE

if TYPE_CHECKING:
    from harness.fleet.messages import CheckpointSpec
    from harness.fleet.status import FleetStatus, Show
    from harness.fleet.worker_pool import WorkerPool


def load_model(config: RunConfig, path: str | None = None, pool: WorkerPool | None = None) -> Model:
    """The base checkpoint, or another one under the base's settings; with a worker pool, on its workers."""
    if pool is None:
        return registry.make("model", config.model.name, options_of(config, path))
    from harness.fleet.fleet_model import FleetModel

    return FleetModel(pool, spec_of(config, path))


def spec_of(config: RunConfig, path: str | None = None) -> CheckpointSpec:
    """The same checkpoint as an order to a fleet's workers."""
    import torch

    from harness.fleet.messages import CheckpointSpec

    options = options_of(config, path)
    name = str(options.get("path", config.model.name))
    return CheckpointSpec(config.model.name, options, torch.get_num_threads(), os.getcwd(), name)


def options_of(config: RunConfig, path: str | None = None) -> dict[str, Any]:
    """The options of the base's model, or of the same one with another checkpoint."""
    options = config.model.options
    if path is not None:
        options["path"] = path
    elif options.get("path") == "miniworld":
        options["path"] = str(checkpoint_folder())
    return options


def checkpoint_of(path: str) -> Checkpoint:
    """A folder's checkpoint by content, without loading it. Raises ModelError for one that cannot be loaded."""
    from harness.models._checkpoint.loading import resolve  # imports torch
    from harness.models._checkpoint.own_files import identity_of

    return identity_of(path, *resolve(path)).checkpoint


def digest_of(path: str, cache: Path) -> str:
    """The same checkpoint's digest, kept in `cache` as long as its files stay as they are."""
    from harness.models._checkpoint.loading import resolve

    source, adapters = resolve(path)
    state = [folder_state(folder) for folder in (Path(source), *adapters)]
    known = RememberedDigests(cache / "checkpoint_digests.json")
    return known.digest(str(Path(path).resolve()), state, lambda: checkpoint_of(path).digest)


def trainable_model(config: RunConfig, path: str | None = None, pool: WorkerPool | None = None) -> Model:
    """A checkpoint in this process, where training is; workers and idle servers are ended first, so that memory is free.

    Raises ModelError where the pool's hosts have another base under the same path.
    """
    if pool is not None:
        pool.stop_workers()
    end_idle_servers()
    model = load_model(config, path)
    known = {loaded.checkpoint.digest for loaded in pool.loaded_checkpoints} if pool is not None and path is None else set()
    if known and model.checkpoint.digest not in known:
        raise ModelError(
            f"The base checkpoint of this host, {model.checkpoint.folder}, has another digest than that of the fleet's "
            "hosts. Give all hosts the same files."
        )
    return model


@contextmanager
def worker_pool_of(
    settings: FleetConfig | int | None, say: Callable[[str], None], shown: Shown | None = None
) -> Iterator[WorkerPool | None]:
    """The workers that a study asks for, ended afterwards; None where it asks for none, or for one process.

    `settings`: its fleet, or its number of processes; `shown`: who learns how a fleet goes.
    """
    if settings is None or settings == 1:
        yield None
        return
    from harness.fleet.worker_pool import WorkerPool

    on_hosts = isinstance(settings, FleetConfig)
    pool = WorkerPool(settings, say, shown.show if shown is not None and on_hosts else lambda status: None)
    try:
        yield pool
        if on_hosts:
            say(f"fleet: {pool.counters}")
    finally:
        pool.close()
        if shown is not None:
            shown.file.unlink(missing_ok=True)


class Shown:
    """How a fleet goes, for the display of this process and, in a file of the output folder, for the run browser."""

    def __init__(self, output: Path, show: Show) -> None:
        self.file, self._show = output.expanduser() / FLEET_FILE, show

    def show(self, status: FleetStatus) -> None:
        self._show(status)
        with suppress(OSError):  # a disk that is full ends the run where answers are stored
            write_text_whole(self.file, json.dumps(status.as_values()))
