"""The command `fetch`: download official benchmark files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import app, echo


@app.command(epilog="Examples:  python -m harness fetch pope --data data   |   python -m harness fetch --data data --offline")
def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="benchmarks and preference sources; default: all")
    ] = None,
    data: Annotated[Path, typer.Option("--data", help="data folder")] = Path("data"),
    images: Annotated[bool, typer.Option("--images", help="also fetch image archives (gigabytes)")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="download nothing, only list what is missing and where it belongs")
    ] = False,
) -> None:
    """Download official files of benchmarks and sources.

    Files that cannot be downloaded automatically are listed with their origin and the place where they belong.
    """
    from harness.config.check_paths import check_folder_to_write
    from harness.core.errors import ConfigError
    from harness.storage.official_files import MISSING, WRONG, Fetcher

    if str(data) == "miniworld":
        raise ConfigError(
            "`miniworld` is the embedded world, whose files are drawn and never fetched. Name a folder for the official files: "
            "--data data."
        )
    if not offline:
        check_folder_to_write(data, "--data")
    fetcher = Fetcher(data, images=images, offline=offline, say=lambda text: echo(text, err=True))
    found = fetcher.fetch(names or [])
    for one in found:
        echo(f"{one.state:8}{one.benchmark}: {one.file.name} ({one.file.licence}), from {one.file.origin}")
        if one.note:
            echo(f"        {one.note}")
    if any(one.state == WRONG or (one.state == MISSING and one.file.needed) for one in found):
        raise typer.Exit(1)
