"""The commands `labels import`, `export` and `list`: label revisions as files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, echo
from harness.commands.label_audit.labels import DataOption, NameArgument, labels, now
from harness.core.edge.text import count
from harness.core.errors import ConfigError

_MANY = 0.2  # share of removed labels from which on files look cut off


@labels.command("import", epilog="Example:  python -m harness labels import repope annotations/coco_repope_*.json --data data")
def import_(
    name: NameArgument,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="official question files with other labels, or a revision file")
    ],
    benchmark: Annotated[str, typer.Option("--benchmark", help="benchmark that the files belong to")] = "pope",
    data: DataOption = "data",
    source: Annotated[str, typer.Option("--source", help="citation to store with the revision")] = "",
    output: OutputOption = RUNS,
) -> None:
    """Import published labels (such as RePOPE) as a revision."""
    from harness.audit.label_files import import_labels, is_revision
    from harness.core.edge.files import read_text
    from harness.run.data import open_data
    from harness.storage.label_revisions import loads, write

    texts = {str(file): read_text(file) for file in files}
    first, text = next(iter(texts.items()))
    if len(texts) == 1 and is_revision(text):
        if source:
            raise ConfigError(f"--source: {first} is a revision and has its own citation. Leave it out.")
        revision = replace(loads(text, first), name=name)
    else:
        revision = import_labels(name, benchmark, texts, open_data(data, output, echo), source or name, now())
    echo(f"{write(revision, output)}: {revision.counts}")
    removed = sum(edit.new == "removed" for edit in revision.edits)
    if removed > len(revision.edits) * _MANY:
        echo(f"WARNING: {removed:,} of {count(len(revision.edits), 'label')} are removed. Are the files whole?", err=True)


@labels.command(epilog="Example:  python -m harness labels export ours --benchmark pope --data data --to data")
def export(
    name: NameArgument,
    benchmark: Annotated[
        str | None, typer.Option("--benchmark", help="benchmark whose official file format is written; default: pope")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", help="data folder with the official files; `miniworld` is the embedded one; default: data"),
    ] = None,
    to: Annotated[Path, typer.Option("--to", help="folder to write to")] = Path(),
    form: Annotated[
        str, typer.Option("--as", help="`croissant`: the revision with Croissant metadata instead, to publish it as a data set")
    ] = "",
    licence: Annotated[str, typer.Option("--license", help="licence of the revision, for `--as croissant`")] = "",
    url: Annotated[str, typer.Option("--url", help="where the revision will lie, for `--as croissant`")] = "",
    output: OutputOption = RUNS,
) -> None:
    """Export a revision as question files or Croissant data."""
    from harness.audit import croissant
    from harness.audit.label_files import export_labels
    from harness.config.check_paths import check_folder_to_write
    from harness.run.data import open_data
    from harness.storage.label_revisions import read

    if form not in ("", "croissant"):
        raise ConfigError(f"`--as {form}` is not a form of export. Give `--as croissant`, or none for official question files.")
    if not form and (licence or url):
        raise ConfigError("--license and --url go with `--as croissant`: official question files have no place for them.")
    if form and (benchmark is not None or data is not None):
        raise ConfigError(
            "--benchmark and --data go with official question files; `--as croissant` writes the whole revision. Omit them."
        )
    check_folder_to_write(to, "--to")
    revision = read(name, output)
    if form:
        texts = croissant.files(revision, licence, url)
    else:
        texts, conflicts = export_labels(revision, benchmark or "pope", open_data(data or "data", output, echo))
        for conflict in conflicts:
            echo(f"not applied: {conflict}", err=True)
    for file, text in texts.items():
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        (to / file).write_text(text, encoding="utf-8", newline="\n")
        echo(str(to / file))


@labels.command("list", epilog="Example:  python -m harness labels list")
def list_(output: OutputOption = RUNS) -> None:
    """List the stored label revisions."""
    from harness.storage.label_revisions import FOLDER, read, shipped

    paths = sorted((output / FOLDER).glob("*.jsonl"))
    if not paths:
        echo(f"There are no revisions in {output / FOLDER}. `labels make` and `labels import` make them.")
    own = [path.stem for path in paths]
    for name in (*map(str, paths), *(name for name in shipped() if name not in own)):
        revision, note = read(name, output), "" if name in map(str, paths) else "  (shipped)"
        echo(f"{revision.name}  {revision.digest[:12]}  {len(revision.edits):,} labels  {revision.source}{note}")
