"""The command `run`: the main job, from checkpoint to comparison report."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from harness.commands._app import DryRunOption, FleetOption, StudyOutputOption, WordsArgument, WorkersOption, app, echo
from harness.core.edge.launch import is_first, launcher, machines
from harness.core.errors import ConfigError

if TYPE_CHECKING:
    from harness.commands._terminal import Display
    from harness.config.schema import RunConfig
    from harness.results.report_files import Outcome

T = TypeVar("T")


@app.command(
    epilog="Examples:  python -m harness run   |   python -m harness run examples/llava-1.6-7b.yaml   |   "
    "python -m harness run seed=1 arms.0.align.beta=0.2   |   python -m harness run study:table6 --mini"
)
def run(
    words: WordsArgument = None,
    dry_run: DryRunOption = False,
    mini: Annotated[bool, typer.Option("--mini", help="run a table of the paper on the miniature world")] = False,
    model: Annotated[
        str | None, typer.Option("--model", metavar="PATH", help="checkpoint to align, as model.path=PATH")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="ARM", help="arm that the report compares all others with")
    ] = None,
    output: StudyOutputOption = None,
    fleet: FleetOption = None,
    workers: WorkersOption = None,
) -> None:
    """Build pairs, align, evaluate and write the report.

    Without a configuration: the built-in study on the miniature world. A run that was stopped goes on
    when the same command is given again.
    """
    from harness.api.actions import read_study

    file, changes = file_and_changes(words or [])
    changes += fleet_changes(fleet, workers, changes)
    own = {"model.path": model, "baseline": baseline, "output": str(output) if output is not None else None}
    chosen, left_out = read_study(file, changes, own, mini=mini)
    for row in left_out:
        echo(f"left out: {row}")
    if dry_run:
        estimate_costs(chosen)
        return
    outcome = carry_out(chosen)
    if outcome is None:  # this process only helped to train
        return
    for name in ("report.html", "report.md", "report.json", "metrics.csv"):
        echo(f"{outcome.folder / name}")
    exit_if_incomplete(outcome)


def estimate_costs(chosen: RunConfig) -> None:
    """What a study lacks and will cost; nothing is stored."""
    from harness.commands._terminal import show_costs
    from harness.core.edge.processes import imports_that_stay

    with imports_that_stay():
        from harness.config.check_plugins import plugin_faults
        from harness.run.estimate import estimate, peak_memory

        plugin_faults(chosen)  # imports every plug-in of the study
    say_what_is_on_the_hub(chosen)
    show_costs(estimate(chosen, echo), peak_memory)


def carry_out(chosen: RunConfig) -> Outcome | None:
    """Do a run and show its table; Ctrl-C prints the command that continues it."""
    from harness.commands._terminal import show_comparison, show_gate
    from harness.config.check_paths import check_paths

    def work(command: str, display: Display) -> Outcome | None:
        from harness.run import pipeline

        return pipeline.run(chosen, command, display.progress, display.say, display.fleet)

    check_paths(chosen)
    say_what_is_on_the_hub(chosen)
    outcome = interruptible(chosen.name, work)
    if outcome is not None:
        show_comparison(outcome.comparison)
        if outcome.comparison.gate is not None:
            show_gate(outcome.comparison.gate)
    return outcome


def say_what_is_on_the_hub(chosen: RunConfig) -> None:
    """Which models are looked for on the hub though they look like folders here."""
    from harness.config.check_paths import hub_notes

    for note in hub_notes(chosen):
        echo(note, err=True)


def interruptible(name: str, work: Callable[[str, Display], T]) -> T:
    """Work with the user's command and a display; Ctrl-C ends it with the command that continues it.

    Of several processes that train together the first alone speaks.
    """
    from harness.commands._terminal import Display
    from harness.core.edge.processes import imports_that_stay
    from harness.core.edge.signals import exit_code, stopped_by_signals

    command = typed(sys.argv[1:])
    try:
        with stopped_by_signals(), Display(quiet=not is_first()) as display:
            display.say(f"{name}: loading libraries")
            with imports_that_stay():
                import_module("harness.run.pipeline")  # the slow imports
            return work(command, display)
    except KeyboardInterrupt as stopped:
        if is_first():
            everywhere = ", and on each other machine with its own rank" if machines() > 1 else ""
            echo(f"\nInterrupted. Everything finished so far is kept. To continue{everywhere}: {command}", err=True)
        raise typer.Exit(exit_code(stopped)) from None


def typed(words: Sequence[str]) -> str:
    """The command of these words, with a launcher where several processes train together."""
    return shlex.join([*launcher(), "-m", "harness", *words])


def exit_if_incomplete(outcome: Outcome) -> None:
    """Exit code 1 where items have no answer or no verdict."""
    if any(failed.missing or failed.unjudged_why for failed in outcome.comparison.failures):
        raise typer.Exit(1)


def fleet_changes(fleet: str | None, workers: int | None, changes: Sequence[str] = ()) -> list[str]:
    """`--fleet ray://HOST:PORT --workers N` as changes of a study, which may name more under `fleet`.

    Raises ConfigError for another form, and where one of the `changes` sets the same.
    """
    from harness.config.changes import refuse_twice

    refuse_twice({"fleet.address": fleet, "fleet.workers": workers}, changes)
    if fleet is None and workers is None:
        return []
    kind, _, address = (fleet or "ray").partition("://")
    if kind != "ray" or (fleet or "").endswith("://"):
        raise ConfigError(
            f"--fleet is {fleet!r}; give `ray` for a Ray on this machine, or `ray://HOST:PORT` for a running one."
        )
    chosen = [f"fleet.address={json.dumps(address or None)}"] if fleet is not None else []
    return chosen + ([f"fleet.workers={workers}"] if workers is not None else [])


def file_and_changes(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The configuration among a command's words, and the `key.path=value` changes."""
    files = [w for w in words if "=" not in w or Path(w).is_file()]
    if len(files) > 1:
        raise ConfigError(f"Give one configuration file, not {len(files)} ({', '.join(files)}); changes are key.path=value.")
    return (files[0] if files else None), [w for w in words if w not in files]
