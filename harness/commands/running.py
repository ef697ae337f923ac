"""The commands that ask a model."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import app
from harness.errors import ConfigError


@app.command(
    epilog="Examples:  python -m harness run   |   python -m harness run examples/llava-1.6-7b.yaml   |   "
    "python -m harness run seed=1 arms.0.align.beta=0.2   |   python -m harness run study:table6 --mini"
)
def run(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[CONFIG.yaml] [key.path=value]...", help="study and changes to it")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say what is missing, and measure what the study will cost")
    ] = False,
    mini: Annotated[bool, typer.Option("--mini", help="a table of the study on the miniature world")] = False,
) -> None:
    """Build pairs, align, sweep base and aligned checkpoints, write the comparison report.

    Without a configuration: the built-in study on the miniature world. A run that was stopped goes on
    when the same command is given again.
    """
    from harness import config as configuration
    from harness import pipeline, study
    from harness.terminal import Display, show_comparison, show_costs

    words = words or []
    files = [w for w in words if "=" not in w]
    if len(files) > 1:
        raise ConfigError(f"Give one configuration file, not {len(files)} ({', '.join(files)}); changes are key.path=value.")
    changes = [w for w in words if "=" in w]
    if files and files[0].startswith(study.PREFIX):
        chosen, left_out = configuration.load_table(files[0].removeprefix(study.PREFIX), mini, changes)
        for row in left_out:
            typer.echo(f"left out: {row}")
    elif mini:
        raise ConfigError("--mini goes with a table of the study: `run study:table6 --mini`.")
    else:
        chosen = configuration.load(Path(files[0]) if files else None, changes)
    if dry_run:
        from harness.estimate import estimate, peak_memory

        show_costs(estimate(chosen), peak_memory)
        return
    command = shlex.join(["python", "-m", "harness", "run", *words])
    try:
        with Display() as display:
            outcome = pipeline.run(chosen, command, display.progress, display.say)
    except KeyboardInterrupt:
        typer.echo(f"\nStopped. Everything finished so far is kept. To go on: {command}", err=True)
        raise typer.Exit(130) from None
    if outcome is None:  # this process only helped to train
        return
    show_comparison(outcome.comparison)
    for name in ("report.html", "report.md", "report.json", "metrics.csv"):
        typer.echo(f"{outcome.folder / name}")
