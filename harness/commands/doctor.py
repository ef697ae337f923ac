"""The command `doctor`: check machine and model before a long run."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, app, echo


@app.command(
    epilog="Examples:  python -m harness doctor   |   python -m harness doctor --model /models/llava model.dtype=float32   |   "
    "python -m harness doctor --model http://localhost:8000/v1"
)
def doctor(
    changes: Annotated[list[str] | None, typer.Argument(metavar="[key.path=value]...", help="settings, as in `run`")] = None,
    model: Annotated[str | None, typer.Option("--model", help="model folder, hub name, or server address")] = None,
    output: OutputOption = RUNS,
) -> None:
    """Check machine and model before a long run.

    Are answers the same alone and in a batch, with and without shared computation? Also versions, memory and disk.

    Exit code 1 when a check fails.
    """
    from harness.commands._terminal import show_finding
    from harness.config.sweep_only import evaluation
    from harness.core.capabilities import WRONG
    from harness.evaluation.doctor import examine, verdict
    from harness.run.models import load_model

    chosen = evaluation(model, output=str(output), changes=changes or [])
    found = []
    for finding in examine(lambda: load_model(chosen), output):
        show_finding(finding)
        found.append(finding)
    echo(verdict(found))
    if any(finding.state == WRONG for finding in found):
        raise typer.Exit(1)
