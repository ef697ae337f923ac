"""The command `show`: state, metrics and report path of one stored run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands._app import RUNS, OutputOption, app, echo
from harness.core.edge.launch import command_line

if TYPE_CHECKING:
    from harness.storage.run_store import StoredRun


@app.command(epilog="Example:  python -m harness show mini")
def show(
    name: Annotated[str, typer.Argument(metavar="RUN", help="run id, unique prefix of an id, or name (see `list runs`)")],
    output: OutputOption = RUNS,
) -> None:
    """Show the state, metrics and report path of a run."""
    from harness.commands._terminal import show_comparison
    from harness.results.run_records import records_of
    from harness.results.run_state import state_of
    from harness.storage.run_folder import holder, is_held
    from harness.storage.run_store import open_store
    from reports.comparison.compare import compare as compare_records

    with open_store(output) as store:
        stored = store.run(name)
        state = state_of(stored, output)
        echo(f"{stored.id}: {state}, begun {stored.created_at}\ncommand: {stored.command}")
        records = records_of(store, stored.id)
        if is_held(output / stored.id):
            echo(f"Process {holder(output / stored.id)} works on it.")
        elif not state.startswith("complete"):
            echo(_how_to_continue(stored, all(record.can_continue for record in records)))
    if swept := any(record.sweeps for record in records):
        show_comparison(compare_records(records))
    report = output / stored.id / "report.html"
    if report.exists():
        echo(str(report))
    elif swept:
        command = command_line("compare", stored.id, "--output", output, "--as", "html")
        echo(f"No report is in the run's folder. To write one: {command} > report.html")


def _how_to_continue(run: StoredRun, same_versions: bool) -> str:
    from harness.config.schema import stored
    from harness.results.run_state import MADE_AGAIN

    if same_versions:
        changed = "labels, questions, images, judges or plug-ins have changed since they were measured"
        return f"To continue: {run.command}\nWhere {changed}, it is refused and says which, and what to do."
    again = f"\n{MADE_AGAIN}" if stored(run.config, run.id).arms else ""
    return (
        "It cannot be continued, because the versions of benchmarks have changed since (see below). To measure what is here "
        f"now, run its command under another name (`name=...`; for a sweep another `--output`): {run.command}{again}"
    )
