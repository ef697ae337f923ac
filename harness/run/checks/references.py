"""Whether the reference that an arm names is used: losses such as SimPO and supervised fine-tuning have none."""

from __future__ import annotations

from alignment.aligners._base import Aligner
from alignment.training.objectives import ReadsStates
from harness.config.option_faults import all_faults
from harness.config.schema import RunConfig
from harness.core import registry
from harness.core.errors import ConfigError


def check_references(config: RunConfig) -> None:
    """Raises ConfigError naming every arm with a `reference` that its training would never read."""
    faults = []
    for arm in config.arms:
        if arm.reference is None:
            continue
        made = registry.make("aligner", arm.align.name, arm.align.options, judge=None, reward=None)
        if not isinstance(made, Aligner):  # of another distribution
            continue
        reads = isinstance(made.objective, ReadsStates) and made.objective.reads_states
        if not (made.objective.needs_reference or reads):
            faults.append(
                f"arm {arm.name}: {arm.align.name} learns without a reference with these options. Leave `reference` out"
            )
    if faults:
        raise ConfigError(all_faults(faults, "the configuration"))
