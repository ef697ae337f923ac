"""Does what a study asks of its report fit its benchmarks? Known before anything is loaded, not after a night of training."""

from __future__ import annotations

from harness.config.gate_policy import policy_of
from harness.config.schema import RunConfig
from harness.evaluation.scoring import unjudged
from reports.gate.resolve import targets
from reports.published.published_rows import published


def check_report(config: RunConfig) -> None:
    """Raises ConfigError for a published table that is not here, and where the gate's policy names a metric that no benchmark
    of the study has, or a margin in another unit."""
    published(config.published)
    if config.gates is not None:
        targets(policy_of(config.gates), {spec.title: unjudged(spec).formulas for spec in config.sweep})
