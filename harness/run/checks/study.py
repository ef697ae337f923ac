"""What is wrong with a study as far as its text and its data folder show it: before a model is loaded or the run is begun."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.config.check_plugins import check_plugins
from harness.config.schema import RunConfig
from harness.evaluation.sweep import refuse
from harness.run.checks.adapters import check_trained
from harness.run.checks.earlier_forms import is_begun
from harness.run.checks.models import check_models
from harness.run.checks.report import check_report
from harness.run.checks.sources import looked_at
from harness.run.data import data_to_look_at
from harness.run.make_aligner import check_divided
from harness.run.sample_questions import asked_of


def check_studies(configs: Sequence[RunConfig]) -> None:
    """Raises HarnessError naming all faults of a kind. `configs`: one study, or several with the same sweep and data folder."""
    new = False
    for config in configs:
        check_plugins(config)
        check_report(config)
        check_divided(config)
        if not is_begun(config):
            check_models(config)
            check_trained(config)
            new = True
    if new:
        check_files(configs[0])


def check_files(config: RunConfig) -> None:
    """Raises DataError naming every benchmark and arm whose items, images or rows are not all in the data folder.

    Not for a study that was begun before: of what is done no file is needed any more.
    """
    faults = list[str]()
    with data_to_look_at(config.data, Path(config.output).expanduser()) as data:
        asked_of(config, data, faults)
        looked_at(config, data, faults, ahead=True)
    refuse(list(dict.fromkeys(faults)))
