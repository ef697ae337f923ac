"""The commands about benchmarks and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import app, echo


@app.command(epilog="Examples:  python -m harness check   |   python -m harness check pope chair")
def check(
    names: Annotated[list[str] | None, typer.Argument(metavar="[BENCHMARK]...", help="all where none is named")] = None,
) -> None:
    """Run each benchmark's built-in examples: do they still score what they say?"""
    from harness.evaluation.self_check import check as check_benchmarks

    found = check_benchmarks(names or [])
    for one in found:
        echo(f"{one.name}: {one.fault}" if one.fault else f"{one.name}: {one.examples} examples hold")
    if any(one.fault for one in found):
        raise typer.Exit(1)


@app.command(epilog="Examples:  python -m harness fetch pope --data data   |   python -m harness fetch --data data --offline")
def fetch(
    names: Annotated[list[str] | None, typer.Argument(metavar="[BENCHMARK]...", help="all where none is named")] = None,
    data: Annotated[Path, typer.Option("--data", help="the data folder")] = Path("data"),
    images: Annotated[bool, typer.Option("--images", help="archives of images too, gigabytes")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="only say what is missing and where it belongs")] = False,
) -> None:
    """Bring the benchmarks' official files into the data folder, and say what you have to put there yourself."""
    from harness.storage.official_files import MISSING, WRONG, Fetcher

    fetcher = Fetcher(data, images=images, offline=offline, say=lambda text: echo(text, err=True))
    found = fetcher.fetch(names or [])
    for one in found:
        echo(f"{one.state:8}{one.benchmark}: {one.file.name} ({one.file.licence}), from {one.file.origin}")
        if one.note:
            echo(f"        {one.note}")
    if any(one.state == WRONG or (one.state == MISSING and one.file.needed) for one in found):
        raise typer.Exit(1)
