"""The command `gate`: may this checkpoint be shipped? A policy's verdict on stored runs, for CI."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, app, echo


@app.command(
    epilog="Examples:  python -m harness gate mini   |   python -m harness gate mini --policy gate.yaml --junit gate.xml   |   "
    "python -m harness gate base-sweep new-sweep --policy gate.yaml"
)
def gate(
    names: Annotated[
        list[str], typer.Argument(metavar="RUN [RUN]...", help="ids or names of runs; the base of the first is the baseline")
    ],
    policy: Annotated[
        str, typer.Option("--policy", help="policy file, or `default`; the study's own `gates:` if not given")
    ] = "",
    checkpoint: Annotated[
        list[str] | None, typer.Option("--checkpoint", help="only this checkpoint of the runs; may be repeated")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="also write JUnit XML to this file")] = None,
    output: OutputOption = RUNS,
) -> None:
    """Decide by a policy whether checkpoints beat their base.

    They must be better in what the policy wants improved, and not worse in what it guards.
    Exit code 0: every checkpoint passes. 1: one fails. 3: inconclusive: too few items, or an incomplete run.
    """
    from harness.api.gates import gate as decided
    from harness.commands._names import all_names
    from harness.commands._terminal import show_gate
    from harness.config.check_paths import check_file_to_write
    from harness.config.gate_policy import load_policy
    from harness.core.files import write_text_whole
    from reports.gate.junit import junit as as_xml

    if junit is not None:
        check_file_to_write(junit, "--junit")
    with all_names(output, names, *([partial(load_policy, policy)] if policy else [])):
        found = decided(*names, policy=policy or None, checkpoints=checkpoint, output=output)
    if junit is not None:  # before anything is shown: the reader of a pipe may be gone
        write_text_whole(junit, as_xml(found))
    show_gate(found)
    if junit is not None:
        echo(str(junit))
    if found.exit_code:
        raise typer.Exit(found.exit_code)
