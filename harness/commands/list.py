"""The command `list`: plug-ins with their options, stored runs, the configuration schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, app, echo

TOPICS = ("plugins", "runs", "schema")


@app.command("list", epilog="Examples:  python -m harness list   |   python -m harness list bdhs   |   ... list runs")
def list_(
    what: Annotated[str, typer.Argument(help="plugins, runs, schema, a kind (losses) or a plug-in (bdhs)")] = "plugins",
    output: OutputOption = RUNS,
) -> None:
    """List plug-ins, stored runs, or the configuration schema.

    With the name of a plug-in: its options with types and defaults.
    """
    topics = {"plugins": plugins, "runs": lambda: runs(output), "schema": schema}
    topics.get(what, lambda: plugin(what))()


def plugins(kinds: Sequence[str] = ()) -> None:
    """All plug-ins of these kinds (all kinds by default) with the first line of their file; imports no built-in plug-in."""
    from harness.commands._terminal import show_table
    from harness.core import registry

    rows = [(kind, name, registry.describe(kind, name)) for kind in kinds or registry.PACKAGES for name in registry.names(kind)]
    show_table(("kind", "name", "what it is"), rows)


def runs(output: Path) -> None:
    """All runs of a store, oldest first."""
    from harness.commands._terminal import show_table
    from harness.results.run_state import state_of
    from harness.storage.run_store import open_store

    with open_store(output) as store:
        found = store.runs()
    if not found:
        echo(f"There are no runs in {output} yet. Start one: python -m harness run")
        return
    show_table(("run", "name", "begun", "state"), [(run.id, run.name, run.created_at, state_of(run, output)) for run in found])


def schema() -> None:
    """The JSON schema of run.yaml."""
    from rich.console import Console

    from harness.config.json_schema import json_schema

    Console(highlight=False, soft_wrap=True).print_json(json.dumps(json_schema()))


def plugin(name: str) -> None:
    """The plug-ins of a name, or all of a kind, with their options.

    Raises ConfigError, with the nearest, where there is none.
    """
    from harness.commands._terminal import line, wide_console
    from harness.core import registry
    from harness.core.errors import ConfigError
    from harness.core.nearest import did_you_mean

    plurals = {"losses" if kind == "loss" else f"{kind}s": kind for kind in registry.PACKAGES}
    if name in plurals:
        plugins((plurals[name],))
        return
    kinds = [kind for kind in registry.PACKAGES if name in registry.names(kind)]
    if not kinds:
        known = [*TOPICS, *plurals]
        hint = did_you_mean(name, [*known, *(n for kind in registry.PACKAGES for n in registry.names(kind))])
        raise ConfigError(f"There is nothing to list under {name!r}.{hint} Choose one of {', '.join(known)}, or a plug-in.")
    for kind in kinds:
        wide_console().print(line((f"{kind} {name}", "bold"), f"  {registry.describe(kind, name)}"), soft_wrap=True)
        _options(kind, name)


def _options(kind: str, name: str) -> None:
    from harness.commands._terminal import show_table
    from harness.core import registry
    from harness.core.options.source import training_options
    from harness.core.options.types import words_for

    if kind == "report":  # a function of a comparison: nothing to set
        return
    rows = []
    for option in registry.options(kind, name):
        rows.append((option.name, option))
        if kind == "aligner" and option.name == "training":
            rows += [(f"training.{setting.name}", setting) for setting in training_options()]
    if not rows:
        echo("It has no options.\n")
        return
    header = ("option", "type", "default", "what it is")
    show_table(header, [(shown, words_for(one.type), one.default_text, one.about) for shown, one in rows])
    echo("")
