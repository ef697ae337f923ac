"""Every report of a run, written from the store alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.config.gate_policy import policy_of
from harness.core import registry
from harness.core.files import write_text_whole
from harness.results.run_records import config_of, records_of
from harness.storage.run_store import Store
from reports.comparison.compare import compare
from reports.gate.junit import junit
from reports.values.comparison import Comparison


@dataclass(frozen=True, slots=True)
class Outcome:
    """Folder of a finished run, and what the terminal shows of it."""

    run_id: str
    folder: Path
    comparison: Comparison


def report(store: Store, run_id: str, folder: Path, baseline: str | None = None) -> Outcome:
    """Write every report of a run from the store alone; works for old and incomplete runs too."""
    config = config_of(store.run(run_id))
    policy = policy_of(config.gates) if config.gates is not None else None
    comparison = compare(records_of(store, run_id), published=config.published, baseline=baseline, policy=policy)
    write_reports(comparison, folder)
    return Outcome(run_id, folder, comparison)


def write_reports(comparison: Comparison, folder: Path) -> None:
    """Every format of one report, and its gate, where it has one, for CI."""
    for name in registry.names("report"):
        writer = registry.get("report", name)
        write_text_whole(folder / writer.file_name, writer(comparison))
    if comparison.gate is not None:
        write_text_whole(folder / "gate.xml", junit(comparison.gate))
