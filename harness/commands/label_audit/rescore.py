"""The command `rescore`: score stored runs again under audited labels."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, app


@app.command(epilog="Example:  python -m harness rescore mini-1a2b3c4d mini-5e6f7a8b --labels repope")
def rescore(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="ids or names of runs; the first is the baseline")],
    revisions: Annotated[
        list[str], typer.Option("--labels", metavar="REVISION", help="name or file of a revision; may be repeated")
    ],
    output: OutputOption = RUNS,
) -> None:
    """Score stored runs again under audited labels.

    Official and audited labels stand side by side; no model and no judge is asked.
    """
    from harness.audit.audited_comparison import audited
    from harness.commands._names import all_names
    from harness.commands._terminal import show_audit, show_sentences
    from harness.storage.label_revisions import read
    from reports.text.plain_table import warnings

    with all_names(output, runs, *(partial(read, name, output) for name in revisions)):
        found = audited(output, runs, revisions)
    show_sentences((*warnings(found), found.verdict.same))
    show_audit(found)
