"""The command `sweep`: evaluate a checkpoint or server without training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands._app import DryRunOption, FleetOption, StudyOutputOption, WordsArgument, WorkersOption, app, echo
from harness.commands.run import (
    carry_out,
    estimate_costs,
    exit_if_incomplete,
    file_and_changes,
    fleet_changes,
    interruptible,
    say_what_is_on_the_hub,
)
from harness.core.edge.launch import command_line
from harness.core.errors import ConfigError

if TYPE_CHECKING:
    from harness.commands._terminal import Display
    from harness.config.schema import RunConfig
    from harness.results.report_files import Outcome
    from harness.run.until_decided import Stopped


@app.command(
    epilog="Examples:  python -m harness sweep   |   python -m harness sweep --model /models/llava --benchmarks pope,chair "
    "--data data --limit 200   |   python -m harness sweep study.yaml --model runs/ID/arms/ARM/train/checkpoint   |   "
    "python -m harness sweep --model http://localhost:8000/v1 --benchmarks pope --data data   |   "
    "python -m harness sweep --model base --model tuned --benchmarks pope --data data --fleet ray"
)
def sweep(
    words: WordsArgument = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="model folder, hub name, or server address; may be repeated; default: the study's model"),
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
    until: Annotated[
        str | None, typer.Option("--until", help="`decided`: ask images in random order and stop when the gate is decided")
    ] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", help="policy of `--until decided`: a file, or `default` (used if not given)")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="RUN", help="run of the base that `--until decided` compares with")
    ] = None,
    style: Annotated[
        str | None,
        typer.Option("--style", help="prompt style of every benchmark that has it, e.g. llava, official, vlmevalkit"),
    ] = None,
    dry_run: DryRunOption = False,
    fleet: FleetOption = None,
    workers: WorkersOption = None,
    output: StudyOutputOption = None,
) -> None:
    """Evaluate a checkpoint or server without training.

    Several checkpoints are one run each, compared at the end; with `--fleet` they are evaluated at the same time.

    Options of a benchmark or of the model are changes, as in `run`: sweep.pope.splits=[adversarial]
    model.dtype=bfloat16. Exit code 1: done, but some items could not be answered. With `--until decided --against RUN` the
    sweep is a gate: exit code 0 pass, 1 fail, 3 inconclusive after all items.
    """
    from harness.commands._terminal import show_items
    from harness.config.sweep_only import evaluation
    from harness.results.run_records import records_of
    from harness.storage.run_store import open_store

    file, changes = file_and_changes(words or [])
    changes += fleet_changes(fleet, workers, changes)
    wanted = [name.strip() for name in (benchmarks or "").split(",") if name.strip()]
    if benchmarks is not None and not wanted:
        raise ConfigError("--benchmarks names no benchmark. Give names separated by commas, e.g. --benchmarks pope,chair.")
    study, items = Path(file) if file else None, sample_id or []
    place = str(output) if output is not None else None
    made = partial(evaluation, benchmarks=wanted, study=study, data=data, limit=limit, items=items, output=place)
    chosen, *more = [made(one, changes=changes, style=style, say=cache(echo)) for one in model or (None,)]
    if any(word is not None for word in (until, against, policy)):
        _until_decided(chosen, policy or "default", _base_of_gate(until, against, dry_run, bool(more)))
        return
    if dry_run:
        for one in (chosen, *more):
            if more:
                echo(f"{one.model.options.get('path', one.name)}:")
            estimate_costs(one)
        return
    if more:
        _several([chosen, *more])
        return
    outcome = carry_out(chosen)
    if outcome is None:
        return
    if sample_id:
        with open_store(outcome.folder.parent) as store:
            show_items(records_of(store, outcome.run_id))
    echo(f"{outcome.folder / 'report.html'}")
    exit_if_incomplete(outcome)


def _several(chosen: Sequence[RunConfig]) -> None:
    """A run for each checkpoint, then all side by side."""
    from harness.api.actions import compared
    from harness.commands._terminal import show_comparison

    def work(command: str, display: Display) -> list[Outcome]:
        from harness.run.on_fleet.sweeps import sweep_all

        return sweep_all(chosen, command, display.progress, display.say, display.fleet)

    from harness.config.check_paths import check_paths
    from harness.run.on_fleet.sweeps import distinct_names

    for one in chosen:
        check_paths(one)
        say_what_is_on_the_hub(one)
    outcomes = interruptible(chosen[0].name, work)
    ids = [outcome.run_id for outcome in outcomes]
    names = distinct_names([str(config.model.options.get("path", config.name)) for config in chosen])
    show_comparison(compared(Path(chosen[0].output).expanduser(), ids, names, False, ()))
    for outcome in outcomes:
        echo(f"{outcome.folder / 'report.html'}")
    echo(f"{command_line('compare', *ids, '--output', chosen[0].output, '--as', 'html')} > comparison.html")
    for outcome in outcomes:
        exit_if_incomplete(outcome)


def _base_of_gate(until: str | None, against: str | None, dry_run: bool, several: bool) -> str:
    """The run of `--against`. Raises ConfigError for options that do not go together."""
    if until not in (None, "decided"):
        raise ConfigError(f"--until {until!r} is unknown; the one value is `decided`.")
    if until is None or against is None:
        only = "`--policy` is read by `--until decided` alone. " if until is against is None else ""
        raise ConfigError(f"{only}`--until decided` goes with `--against RUN`, the finished sweep of the base. Give both.")
    if dry_run:
        raise ConfigError("How much `--until decided` asks is not known before. Give `--dry-run` without it.")
    if several:
        raise ConfigError("`--until decided` is a gate of one checkpoint. Give one `--model`.")
    return against


def _until_decided(chosen: RunConfig, policy: str, against: str) -> None:
    from harness.commands._names import all_names
    from harness.commands._terminal import show_gate
    from harness.config.gate_policy import load_policy

    with all_names(Path(chosen.output).expanduser(), [against], partial(load_policy, policy)):
        rules = load_policy(policy)

    def work(command: str, display: Display) -> Stopped:
        from harness.run.until_decided import until_decided

        return until_decided(chosen, rules, against, command, display.progress, display.say)

    done = interruptible(chosen.name, work)
    show_gate(done.gate)
    echo(f"{done.folder / 'report.html'}")
    if done.gate.exit_code:
        raise typer.Exit(done.gate.exit_code)
