"""The commands `list`, `show` and `compare`: stored runs and available plug-ins."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, app, echo


@app.command("list", epilog="Examples:  python -m harness list   |   python -m harness list bdhs   |   ... list runs")
def list_(
    what: Annotated[str, typer.Argument(help="plugins, runs, schema, a kind (losses) or a plug-in (bdhs)")] = "plugins",
    output: OutputOption = RUNS,
) -> None:
    """List plug-ins, stored runs, or the configuration schema.

    With the name of a plug-in: its options with types and defaults.
    """
    from harness.commands import _listing as listing

    topics = {"plugins": listing.plugins, "runs": lambda: listing.runs(output), "schema": listing.schema}
    topics.get(what, lambda: listing.plugin(what))()


@app.command(epilog="Example:  python -m harness show mini")
def show(
    name: Annotated[str, typer.Argument(metavar="RUN", help="run id, unique prefix of an id, or name (see `list runs`)")],
    output: OutputOption = RUNS,
) -> None:
    """Show the state, metrics and report path of a run."""
    from harness.commands._terminal import show_comparison
    from harness.results.run_records import records_of
    from harness.storage.run_store import open_store
    from reports.comparison.compare import compare as compare_records

    with open_store(output) as store:
        stored = store.run(name)
        echo(f"{stored.id}: {stored.status}, begun {stored.created_at}\nasked as: {stored.command}")
        records = records_of(store, stored.id)
    if any(record.sweeps for record in records):
        show_comparison(compare_records(records))
    echo(str(output / stored.id / "report.html"))


@app.command(
    epilog="Examples:  python -m harness compare mini-1a2b3c4d mini-5e6f7a8b --as html > comparison.html   |   "
    "python -m harness compare first second --name matched --name plain --published"
)
def compare(
    names: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="ids or names of runs; the first is the baseline")],
    style: Annotated[str, typer.Option("--as", help="table, markdown, html, json, csv, latex, ...")] = "table",
    shown: Annotated[
        list[str] | None, typer.Option("--name", help="column name instead of the run's name; give one for each run")
    ] = None,
    published: Annotated[
        bool,
        typer.Option(
            "--published", help="also show the published rows of the paper's table (table 2 unless the runs name another)"
        ),
    ] = False,
    labels: Annotated[
        list[str] | None,
        typer.Option("--labels", metavar="REVISION", help="also score with this label revision; may be repeated"),
    ] = None,
    output: OutputOption = RUNS,
) -> None:
    """Compare runs: metrics, differences and their significance.

    Runs that differ only in their seed are shown as one method, with the scatter of its seeds.
    """
    from harness.api.actions import compared
    from harness.commands._terminal import show_audit, show_comparison
    from harness.core import registry

    writer = registry.get("report", style) if style != "table" else None
    comparison = compared(output, names, shown, published, labels or ())
    if writer is None:
        show_comparison(comparison)
        show_audit(comparison)
    else:
        echo(writer(comparison))
