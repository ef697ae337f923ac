"""The preference pairs of an arm: asked of its source and written into its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alignment.data.forms.kept_files import files_kept
from alignment.data.pairs import pairs_text, write_trl
from harness.config.schema import Arm, RunConfig
from harness.core import registry
from harness.core.digests import text_digest
from harness.core.errors import ConfigError
from harness.core.files import write_text_whole
from harness.core.plugin_forms.pairs import pairs_in_form, report_in_form
from harness.core.plugins import Data, Model, Progress
from harness.evaluation.facts_changed import begun_again
from harness.run.arm_costs import asked_for_pairs
from harness.run.checks.sources import pairs_record
from harness.run.checks.unchanged import source_digest
from harness.storage.run_store import Store

Say = Callable[[str], None]


def make_pairs(
    config: RunConfig, arm: Arm, base: Model, data: Data, store: Store, run: str, path: Path, progress: Progress, say: Say
) -> None:
    """Write an arm's pairs to `path`, and what the store keeps of them. Raises ConfigError where its source makes none."""

    def make() -> None:
        with files_kept(), asked_for_pairs(store, run, arm.name, base, progress, say) as asking:
            source = registry.make("source", arm.pairs.name, arm.pairs.options)
            rows = source_digest(config, arm, data)  # before hours of drawing, in which the file may change
            pairs = pairs_in_form(arm.pairs.name, source, data, asking, config.draws_of(arm))
            report = report_in_form(arm.pairs.name, source)
            if not pairs:
                raise ConfigError(f"The source {arm.pairs.name} of arm {arm.name} made no pairs: {report}.")
            text = pairs_text(pairs)
            store.put(run, pairs_record(pairs, report, rows, text_digest(text)), arm.name)
            write_trl(path.with_name("pairs.trl.jsonl"), pairs)  # trains in TRL as it is, from the data folder
            write_text_whole(path, text)  # last: with this file the stage is done

    begun_again(make, say)
