"""The state of a run, from its beginning to its end; a run whose process is gone is interrupted, never running."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from harness.config.schema import RunConfig, stored
from harness.core.edge.launch import command_line
from harness.core.edge.versions import versions
from harness.core.errors import HarnessError
from harness.core.run_record import FACT_FROM_FILES, STOPPED
from harness.evaluation.protocol import other_version
from harness.evaluation.scoring import unjudged
from harness.storage.result_queries import ResultQueries
from harness.storage.run_folder import is_held
from harness.storage.run_store import Store, StoredRun

INTERRUPTED = "interrupted"
MADE_AGAIN = "There, pairs and trainings are made again, even finished ones; stored answers to the same requests are kept."


def show_command(folder: Path) -> str:
    """The command that shows what is stored of a run. folder: the run's, in its output folder."""
    return command_line("compare", folder.name, "--output", folder.parent)


def begin(store: Store, run_id: str, config: RunConfig, command: str, data: Path) -> None:
    """Store that a run of this configuration begins now, by this code, on the data folder `data`."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    store.begin(StoredRun(run_id, config.name, now, "running", config.as_yaml(), command, versions(), str(data.resolve())))


def finish(store: Store, run_id: str) -> None:
    """Store that a run has ended by itself, and what its results lack."""
    store.set_status(run_id, store.how_complete(run_id))


def state_of(run: StoredRun, output: Path) -> str:
    """The stored state; "interrupted" where that is running and no process holds the run's folder (killed, power cut)."""
    return INTERRUPTED if run.status == "running" and not is_held(output / run.id) else run.status


def how_it_stopped(error: BaseException) -> str:
    """The state to store when a run ends with an exception: by the user or a signal, or by a fault."""
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        return f"{INTERRUPTED}: {error}" if str(error) else INTERRUPTED
    return f"stopped: {type(error).__name__}"


def can_continue(store: Store, run: StoredRun) -> bool:
    """Whether no benchmark was measured by a version that is no longer here, for which the run's command refuses to go on."""
    facts = {benchmark: one.facts for _, benchmark, one in ResultQueries(store).protocols(run.id)}
    for spec in stored(run.config, f"The stored configuration of {run.id}").sweep:
        measured = facts.get(spec.title, {})
        if measured and FACT_FROM_FILES not in measured and STOPPED not in measured:
            try:
                if other_version(spec.title, measured, unjudged(spec)):
                    return False
            except HarnessError:
                continue  # a plug-in that is gone is told by the command
    return True
