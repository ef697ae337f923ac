"""The commands. Each parses, calls one function and shows its text; nothing is decided here.

Heavy imports stay inside the commands, so that `--help` and `list` answer at once.
"""

from __future__ import annotations

import errno
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import ConfigError, HarnessError

app = typer.Typer(
    help="Align an image-text model and say honestly whether it helped.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

OutputOption = Annotated[Path, typer.Option("--output", help="folder of all runs and their store")]


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


@app.command("list", epilog="Examples:  python -m harness list   |   python -m harness list runs   |   ... list schema")
def list_(
    what: Annotated[str, typer.Argument(help="plugins, runs or schema")] = "plugins",
    output: OutputOption = Path("runs"),
) -> None:
    """List plug-ins, runs, or the JSON schema of run.yaml."""
    from harness import listing

    kinds = {
        "plugins": listing.plugins,
        "runs": lambda: listing.runs(output),
        "schema": listing.schema,
    }
    if what not in kinds:
        raise ConfigError(f"There is nothing to list under {what!r}; choose one of {', '.join(kinds)}.")
    kinds[what]()


@app.command(epilog="Example:  python -m harness show mini")
def show(
    name: Annotated[str, typer.Argument(metavar="RUN", help="id, beginning of an id, or name of a run (see `list runs`)")],
    output: OutputOption = Path("runs"),
) -> None:
    """Show a run: its state, its table, and where its report lies."""
    from harness.records import records_of
    from harness.store import open_store
    from harness.terminal import show_comparison
    from reports.compare import compare as compare_records

    with open_store(output) as store:
        stored = store.run(name)
        typer.echo(f"{stored.id}: {stored.status}, begun {stored.created_at}\nasked as: {stored.command}")
        records = records_of(store, stored.id)
    if any(record.sweeps for record in records):
        show_comparison(compare_records(records))
    typer.echo(str(output / stored.id / "report.html"))


@app.command(epilog="Example:  python -m harness compare mini-1a2b3c4d mini-5e6f7a8b --as html > comparison.html")
def compare(
    names: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="ids or names of runs; the first is the baseline")],
    style: Annotated[str, typer.Option("--as", help="table, markdown, html, json, csv, ...")] = "table",
    output: OutputOption = Path("runs"),
) -> None:
    """Put several runs side by side: the same metrics, their differences and how sure we are of them."""
    from harness import registry
    from harness.records import records_of
    from harness.store import open_store
    from harness.terminal import show_comparison
    from reports.compare import compare as compare_records

    writer = registry.get("report", style) if style != "table" else None
    with open_store(output) as store:
        records = [record for name in names for record in records_of(store, store.run(name).id)]
    comparison = compare_records(records)
    if writer is None:
        show_comparison(comparison)
    else:
        typer.echo(writer(comparison))


@app.command(epilog="Examples:  python -m harness check   |   python -m harness check pope chair")
def check(
    names: Annotated[list[str] | None, typer.Argument(metavar="[BENCHMARK]...", help="all where none is named")] = None,
) -> None:
    """Run each benchmark's built-in examples: do they still score what they say?"""
    from harness.checking import check as check_benchmarks

    found = check_benchmarks(names or [])
    for one in found:
        typer.echo(f"{one.name}: {one.fault}" if one.fault else f"{one.name}: {one.examples} examples hold")
    if any(one.fault for one in found):
        raise typer.Exit(1)


@app.command(epilog="Examples:  python -m harness fetch pope --data data   |   python -m harness fetch --data data --offline")
def fetch(
    names: Annotated[list[str] | None, typer.Argument(metavar="[BENCHMARK]...", help="all where none is named")] = None,
    data: Annotated[Path, typer.Option("--data", help="the data folder")] = Path("data"),
    images: Annotated[bool, typer.Option("--images", help="archives of pictures too, gigabytes")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="only say what is missing and where it belongs")] = False,
) -> None:
    """Bring the benchmarks' official files into the data folder, and say what you have to put there yourself."""
    from harness.fetching import MISSING, WRONG, Fetcher

    fetcher = Fetcher(data, images=images, offline=offline, say=lambda text: typer.echo(text, err=True))
    found = fetcher.fetch(names or [])
    for one in found:
        typer.echo(f"{one.state:8}{one.benchmark}: {one.file.name} ({one.file.licence}), from {one.file.origin}")
        if one.note:
            typer.echo(f"        {one.note}")
    if any(one.state == WRONG or (one.state == MISSING and one.file.needed) for one in found):
        raise typer.Exit(1)


def main() -> None:
    """Run a command; what a user can mend is one message without a traceback."""
    from harness.guard import check_siblings

    # Before numpy and torch are imported: idle threads of theirs spin, which halves the speed of a busy machine.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        check_siblings()
        app()
    except HarnessError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        typer.echo("The disk is full. Free some space and give the same command again; nothing stored is lost.", err=True)
        sys.exit(2)
