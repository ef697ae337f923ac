"""The state of a run as reported to the user: a run whose process is gone is interrupted, never running."""

from __future__ import annotations

from pathlib import Path

from harness.storage.run_folder import is_held
from harness.storage.run_store import StoredRun

INTERRUPTED = "interrupted"


def state_of(run: StoredRun, output: Path) -> str:
    """The stored state; "interrupted" where that is running and no process holds the run's folder (killed, power cut)."""
    return INTERRUPTED if run.status == "running" and not is_held(output / run.id) else run.status


def how_it_stopped(error: BaseException) -> str:
    """The state to store when a run ends with an exception: by the user or a signal, or by a fault."""
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        return f"{INTERRUPTED}: {error}" if str(error) else INTERRUPTED
    return f"stopped: {type(error).__name__}"
