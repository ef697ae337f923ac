"""Models that a study names, before it is written anywhere: a key in the place of its variable's name would be stored."""

from __future__ import annotations

from harness.config.option_faults import all_faults, plugins_of
from harness.config.schema import RunConfig
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.plugins import ChecksOptions


def check_models(config: RunConfig) -> None:
    """Raises ConfigError for options that the base, or a model of a source, judge or annotator, cannot be opened with.

    Not for a study that was begun before: what is done needs no key any more, and what is left says so itself.
    """
    faults = model_faults(config)
    if faults:
        raise ConfigError(all_faults(faults, "the configuration"))


def model_faults(config: RunConfig) -> list[str]:
    """The same as a list."""
    faults: list[str] = []
    for kind, where, spec in plugins_of(config.model_dump()):
        plugin = registry.get("model", spec["name"]) if kind == "model" else None
        if plugin is not None and isinstance(plugin, ChecksOptions):
            options = {name: value for name, value in spec.items() if name != "name"}
            try:
                plugin.check_options(registry.check_options("model", spec["name"], plugin, options))
            except ConfigError as error:
                faults.append(f"{where}: {error}")
    return faults
