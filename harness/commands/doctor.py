"""The command `doctor`: check machine and model before a long run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import FleetOption, StudyOutputOption, app, echo
from harness.commands.run import fleet_changes


@app.command(
    epilog="Examples:  python -m harness doctor   |   python -m harness doctor --model /models/llava model.dtype=float32   |   "
    "python -m harness doctor --model http://localhost:8000/v1 --beside /models/llava   |   "
    "python -m harness doctor --fleet ray://10.0.0.1:6379 data=data"
)
def doctor(
    changes: Annotated[list[str] | None, typer.Argument(metavar="[key.path=value]...", help="settings, as in `run`")] = None,
    model: Annotated[str | None, typer.Option("--model", help="model folder, hub name, or server address")] = None,
    beside: Annotated[
        Path | None, typer.Option("--beside", help="model folder; its answers by transformers are compared with the model's")
    ] = None,
    fleet: FleetOption = None,
    output: StudyOutputOption = None,
) -> None:
    """Check machine and model before a long run.

    Are answers the same alone and in a batch, with and without shared computation? Also versions, memory and disk.

    With --beside the twelve answers are compared with those of another model, e.g. a server's with those of the folder that it
    serves; where they differ, its likelihoods say whether rounding can have chosen.

    With --fleet every host is asked the same: versions, data folder, checkpoint, device, memory and twelve answers; the host
    that differs is named. Exit code 1 when a check fails.
    """
    from harness.commands._terminal import show_finding
    from harness.config.check_paths import data_faults, path_faults
    from harness.config.option_faults import all_faults
    from harness.config.sweep_only import evaluation
    from harness.core.capabilities import WRONG
    from harness.core.errors import ConfigError
    from harness.evaluation.doctor import examine, verdict
    from harness.run.models import load_model, spec_of

    place = str(output) if output is not None else None
    chosen = evaluation(model, output=place, changes=[*(changes or []), *fleet_changes(fleet, None, changes or [])])
    found = []
    if chosen.fleet is not None and beside is not None:
        raise ConfigError("--beside compares two models on this machine; leave out --fleet.")
    if faults := data_faults(chosen.data):  # the questions here need none: whoever names one wants it looked at
        raise ConfigError(all_faults(faults, "the options"))
    if chosen.fleet is not None:
        from harness.fleet.fleet_doctor import diagnose_hosts

        data = Path(chosen.data).expanduser() if chosen.data != "miniworld" else None
        findings = diagnose_hosts(chosen.fleet, spec_of(chosen), data)
    else:
        other = evaluation(str(beside), output=chosen.output) if beside is not None else None
        if other is not None and (faults := path_faults(other)):  # before the minutes that the model itself takes
            raise ConfigError(all_faults([fault.replace("model.path", "--beside", 1) for fault in faults], "the options"))
        folder = Path(chosen.output).expanduser()
        findings = examine(lambda: load_model(chosen), folder, None if other is None else lambda: load_model(other))
    for finding in findings:
        show_finding(finding)
        found.append(finding)
    echo(verdict(found))
    if any(finding.state == WRONG for finding in found):
        raise typer.Exit(1)
