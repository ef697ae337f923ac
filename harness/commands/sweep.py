"""The command `sweep`: evaluate a checkpoint or server without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, WordsArgument, app, echo
from harness.commands.run import carry_out, exit_if_incomplete, file_and_changes
from harness.core.errors import ConfigError


@app.command(
    epilog="Examples:  python -m harness sweep   |   python -m harness sweep --model /models/llava --benchmarks pope,chair "
    "--data data --limit 200   |   python -m harness sweep study.yaml --model runs/ID/arms/ARM/train/checkpoint   |   "
    "python -m harness sweep --model http://localhost:8000/v1 --benchmarks pope --data data"
)
def sweep(
    words: WordsArgument = None,
    model: Annotated[
        str | None, typer.Option("--model", help="model folder, hub name, or server address; default: the study's model")
    ] = None,
    benchmarks: Annotated[
        str | None, typer.Option("--benchmarks", help="benchmark names, separated by commas (see `list`)")
    ] = None,
    data: Annotated[str | None, typer.Option("--data", help="data folder; `miniworld` is the embedded miniature world")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="number of items of each benchmark (the first ones)")
    ] = None,
    sample_id: Annotated[
        list[str] | None, typer.Option("--sample-id", help="id of a single item to evaluate; may be repeated")
    ] = None,
    output: OutputOption = RUNS,
) -> None:
    """Evaluate a checkpoint or server without training.

    Options of a benchmark or of the model are changes, as in `run`: sweep.pope.splits=[adversarial]
    model.dtype=bfloat16. Exit code 1: done, but some items could not be answered.
    """
    from harness.commands._terminal import show_items
    from harness.config.sweep_only import evaluation
    from harness.results.run_records import records_of
    from harness.storage.run_store import open_store

    file, changes = file_and_changes(words or [])
    wanted = [name.strip() for name in (benchmarks or "").split(",") if name.strip()]
    if benchmarks is not None and not wanted:
        raise ConfigError("--benchmarks names no benchmark. Give names separated by commas, e.g. --benchmarks pope,chair.")
    chosen = evaluation(
        model,
        wanted,
        study=Path(file) if file else None,
        data=data,
        limit=limit,
        items=sample_id or [],
        output=str(output),
        changes=changes,
    )
    outcome = carry_out(chosen)
    if outcome is None:
        return
    if sample_id:
        with open_store(outcome.folder.parent) as store:
            show_items(records_of(store, outcome.run_id))
    echo(f"{outcome.folder / 'report.html'}")
    exit_if_incomplete(outcome)
