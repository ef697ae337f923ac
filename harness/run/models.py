"""Opens checkpoints: in this process, or on the workers of a fleet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.config.fleet_form import FleetConfig
from harness.config.schema import RunConfig
from harness.core import registry
from harness.core.errors import ModelError
from harness.core.plugins import Model
from harness.miniworld.model.paths import checkpoint_folder

if TYPE_CHECKING:
    from harness.fleet.crew import Crew


def load_model(config: RunConfig, path: str | None = None, crew: Crew | None = None) -> Model:
    """The base checkpoint, or another one under the base's settings; with a crew, on its workers."""
    options = config.model.options
    if path is not None:
        options["path"] = path
    elif options.get("path") == "miniworld":
        options["path"] = str(checkpoint_folder())
    if crew is None:
        return registry.make("model", config.model.name, options)
    import torch

    from harness.fleet.fleet_model import FleetModel
    from harness.fleet.messages import Spec

    name = str(options.get("path", config.model.name))
    return FleetModel(crew, Spec(config.model.name, options, torch.get_num_threads(), os.getcwd(), name))


def trainable_model(config: RunConfig, path: str | None = None, crew: Crew | None = None) -> Model:
    """A checkpoint in this process, where training is; a crew is sent off first, so that its memory is free.

    Raises ModelError where the crew's hosts have another base under the same path.
    """
    if crew is not None:
        crew.rest()
    model = load_model(config, path)
    known = {loaded.checkpoint.digest for loaded in crew.bases} if crew is not None and path is None else set()
    if known and model.checkpoint.digest not in known:
        raise ModelError(
            f"The base checkpoint of this host, {model.checkpoint.folder}, has another digest than that of the fleet's "
            "hosts. Give all hosts the same files."
        )
    return model


@contextmanager
def crew_of(settings: FleetConfig | None, say: Callable[[str], None]) -> Iterator[Crew | None]:
    """The workers that a study asks for, ended afterwards; None where it asks for none."""
    if settings is None:
        yield None
        return
    from harness.fleet.crew import Crew

    crew = Crew(settings, say)
    try:
        yield crew
        say(f"fleet: {crew.deeds}")
    finally:
        crew.close()
