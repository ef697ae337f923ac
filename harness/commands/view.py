"""The command `view`: browse stored runs in a web browser."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, app, echo
from harness.commands.label_audit.audit import HostOption, TokenOption
from harness.core.edge.text import count


@app.command(epilog="Examples:  python -m harness view   |   python -m harness view --output runs --port 9000")
def view(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="port to listen on")] = 8766,
    data: Annotated[
        str | None, typer.Option("--data", help="data folder, if it has moved since the run; `miniworld` is the embedded one")
    ] = None,
    host: HostOption = "127.0.0.1",
    token: TokenOption = "",
    output: OutputOption = RUNS,
) -> None:
    """Browse stored runs in the web browser.

    Tables, and for every item its image, answers, scores and verdicts.
    """
    from harness.results.archive import StoredArchive
    from harness.run.data import open_data
    from harness.storage.run_store import open_store
    from reports.web.browse.app import browser_site
    from reports.web.serving import address, check_free, new_access, serve
    from reports.web.shelf import Shelf

    check_free(host, port)
    access, shelf = new_access(host, port, token), Shelf()
    with open_store(output) as store:
        folder = None if data is None else open_data(data, output, echo).folder
        archive = StoredArchive(store, output, shelf, folder)
        echo(f"{count(len(archive.runs()), 'run')} in {output}. Open {address(host, access)}")
        echo("Stop with Ctrl-C.")
        serve(browser_site(archive, shelf, access), host, port)
