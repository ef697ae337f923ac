"""The command `audit`: the review page for benchmark labels."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, app, echo

HostOption = Annotated[str, typer.Option("--host", help="address to listen on; outside loopback an access token is required")]
TokenOption = Annotated[str, typer.Option("--token", help="access token for browsers; generated where one is needed")]


@app.command(
    epilog="Examples:  python -m harness audit pope   |   python -m harness audit pope --runs mini --most 200 --sample 100"
)
def audit(
    benchmark: Annotated[str, typer.Argument(help="benchmark whose labels are reviewed")] = "pope",
    runs: Annotated[
        list[str] | None,
        typer.Option("--runs", help="run whose answers are used as evidence; may be repeated; default: all runs"),
    ] = None,
    reviewer: Annotated[str, typer.Option("--reviewer", help="name of the reviewer; asked in the browser if not given")] = "",
    most: Annotated[int, typer.Option("--most", min=1, help="number of suspicious labels to review")] = 1000,
    sample: Annotated[
        int, typer.Option("--sample", min=0, help="number of randomly drawn labels, to estimate the error rate of all labels")
    ] = 0,
    captions: Annotated[int, typer.Option("--captions", min=0, help="number of captions whose objects are marked by hand")] = 0,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="port to listen on")] = 8765,
    host: HostOption = "127.0.0.1",
    token: TokenOption = "",
    output: OutputOption = RUNS,
) -> None:
    """Review suspicious labels in the browser.

    The most suspicious labels come first. Stop the server with Ctrl-C.
    """
    from harness.audit.review_desk import ReviewScope, open_desk
    from harness.commands._terminal import Display
    from harness.commands.label_audit.labels import warn
    from harness.core import registry
    from harness.storage.run_store import open_store
    from harness.storage.vote_store import Reviews
    from reports.web.review.app import UPLOADS, review_site
    from reports.web.serving import address, check_free, new_access, serve

    registry.get("benchmark", benchmark)  # a typing error is told before anything is read
    access = new_access(host, port, token, UPLOADS)
    check_free(host, port)
    scope = ReviewScope(benchmark, tuple(runs or ()), most, sample, captions)
    with open_store(output, reading=False) as store, Reviews(store.path) as reviews:
        notes: list[str] = []
        with Display() as display:
            display.say(f"Reading what {'these' if runs else 'all'} runs answered to {benchmark}, to rank its labels ...")
            desk = open_desk(store, reviews, scope, reviewer, display.progress, notes.append)
        warn(*notes)
        echo(f"{len(desk.cases):,} cases of {benchmark}. Open {address(host, access)}")
        echo("Every vote is kept at once; stop with Ctrl-C and go on whenever you like.")
        serve(review_site(desk, access), host, port)
