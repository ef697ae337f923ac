"""The command `compare`: metrics of stored runs side by side, differences and their significance."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.api.forms import BESIDE, FOLDERS, ONE_TABLE, TRACKERS, unused
from harness.commands._app import RUNS, OutputOption, app, echo
from harness.core.errors import ConfigError

if TYPE_CHECKING:
    from reports.values.comparison import Comparison


_EXPORTS = (*FOLDERS, *TRACKERS)
_OPTIONS = {"names": "--name"}  # of arguments whose option has another name


@app.command(
    epilog="Examples:  python -m harness compare mini-1a2b3c4d mini-5e6f7a8b --as html > comparison.html   |   "
    "python -m harness compare first second --name matched --name plain --published"
)
def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...", help="ids or names of runs; the first is the baseline unless --baseline names another"
        ),
    ],
    style: Annotated[
        str, typer.Option("--as", help="table, markdown, html, json, csv, latex, eee, inspect, wandb, mlflow, ...")
    ] = "table",
    shown: Annotated[
        list[str] | None, typer.Option("--name", help="column name instead of the run's name; give one for each run")
    ] = None,
    published: Annotated[
        bool,
        typer.Option(
            "--published", help="also show the published rows of the paper's table (table 2 unless the runs name another)"
        ),
    ] = False,
    leaderboard: Annotated[
        str | None,
        typer.Option("--leaderboard", metavar="MODEL", help="published numbers beside: part of a model's name, or all"),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="ARM", help="column, or method with all its seeds, to compare all others with"),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            metavar="REVISION",
            help="also score with this label revision (table, markdown, html, json); may be repeated",
        ),
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", metavar="FOLDER", help="folder for `--as eee` or `--as inspect`")] = None,
    output: OutputOption = RUNS,
) -> None:
    """Compare runs: metrics, differences and their significance.

    Runs that differ only in their seed are shown as one method, with the scatter of its seeds. `--as eee` writes Every Eval
    Ever's files and `--as inspect` logs for `inspect view` into `--to FOLDER`; wandb and mlflow get the table.
    """
    given = {
        "names": shown,
        "published": published,
        "baseline": baseline,
        "labels": labels,
        "leaderboard": leaderboard,
        "to": to,
    }
    _check_known(style)
    _check_together(style, given)
    if style in _EXPORTS:
        _exported(names, style, to, output)
        return
    from harness.api.actions import compared
    from harness.commands._names import all_names
    from harness.commands._terminal import show_audit, show_comparison
    from harness.results.report_files import written
    from harness.storage.label_revisions import read

    if leaderboard is not None:
        from reports.published.leaderboard import chosen

        chosen(leaderboard)  # an unknown name is refused before anything is shown
    with all_names(output, names, *(partial(read, name, output) for name in labels or ())):
        comparison = compared(output, names, shown, published, labels or (), baseline)
    if style == "table":
        show_comparison(comparison)
        show_audit(comparison)
        if leaderboard is not None:
            _show_leaderboard(comparison, leaderboard)
    else:
        echo(written(style, comparison).removesuffix("\n"))  # `> FILE` gives the bytes of the run's own file


def _check_known(style: str) -> None:
    from harness.core import registry
    from harness.core.nearest import did_you_mean

    known = ["table", *registry.names("report"), *_EXPORTS]
    if style not in known:
        raise ConfigError(f"There is no form `--as {style}`.{did_you_mean(style, known)} Known: {', '.join(known)}.")


def _check_together(style: str, given: Mapping[str, object]) -> None:
    """Raise ConfigError for options that this form would pass over."""
    if unread := unused(style, given):
        hint = " It is written to the terminal: add `> FILE`." if unread == ["to"] and style not in _EXPORTS else ""
        if style in ONE_TABLE and set(BESIDE) & set(unread):
            hint = " `--as json`, markdown and html have it."
        options = [_OPTIONS.get(name, f"--{name}") for name in unread]
        raise ConfigError(
            f"`--as {style}` does not use {' and '.join(options)}. Leave {'it' if len(options) == 1 else 'them'} out.{hint}"
        )


def _exported(names: list[str], style: str, to: Path | None, output: Path) -> None:
    from harness.api.actions import compare as read
    from harness.commands._names import all_names
    from harness.config.check_paths import check_folder_to_write

    if to is not None and to.exists() and not to.is_dir():
        raise ConfigError(f"--to: {to} is a file. `--as {style}` writes several; name a folder.")
    if to is not None:
        check_folder_to_write(to, "--to")
    with all_names(output, names):
        runs = read(*names, output=output)
    if style in TRACKERS:
        echo(runs.track(style))
        return
    if to is None:
        raise ConfigError(f"`--as {style}` writes several files. Name their folder: --to FOLDER")
    made = runs.export(style, to)
    opened = f". Open them: inspect view --log-dir {shlex.quote(str(to))}" if style == "inspect" else ""
    echo(f"{to}: {len(made):,} files{opened}")


def _show_leaderboard(comparison: Comparison, model: str) -> None:
    """Published numbers of other people's runs beside these, with what is known of their protocol."""
    from harness.commands._terminal import show_table
    from reports.published.leaderboard import beside, chosen

    rows = beside(comparison, chosen(model))
    if not rows:
        echo(f"None of the published numbers of {model!r} is of a metric in this table.")
        return
    show_table(["published beside", *(column.label for column in comparison.columns), "published", "model", "source"], rows)
    echo("Another prompt, judge or library gives another number: these are no baseline and are in no test.")
