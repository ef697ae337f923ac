"""The command `pairs`: what is to be known of preference data before anyone trains on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import app, echo


@app.command(epilog="Examples:  python -m harness pairs runs/RUN/arms/dpo/pairs.jsonl   |   ... pairs p.jsonl --beside pope")
def pairs(
    file: Annotated[Path, typer.Argument(help="pairs.jsonl of a run, or another file of this project's pairs")],
    data: Annotated[
        str | None,
        typer.Option(
            "--data", help="data folder with the images, or `miniworld`; default: that of the run they are of, else `data`"
        ),
    ] = None,
    beside: Annotated[
        list[str] | None, typer.Option("--beside", help="benchmark whose images the pairs should not show; may be repeated")
    ] = None,
    out: Annotated[Path | None, typer.Option("--json", help="also write the report as JSON")] = None,
) -> None:
    """Report the quality of preference pairs.

    Near-duplicate images and prompts, lengths of both sides, words that give the better answer away, how often words alone
    tell it (without the image), and images that a benchmark shows too.
    """
    from harness.config.check_paths import check_file_to_write
    from harness.core.errors import ConfigError
    from harness.core.files import write_text_whole
    from harness.run.pairs_quality import pairs_quality, told

    if out is not None and out.exists() and out.samefile(file):
        raise ConfigError(f"--json {out} is the file of the pairs, which would be lost. Give another file for the report.")
    if out is not None:
        check_file_to_write(out, "--json")
    found = pairs_quality(file, data, beside or [])
    for line in told(found):
        echo(line)
    if out is not None:
        write_text_whole(out, json.dumps(found.as_json(), ensure_ascii=False, indent=2) + "\n")
