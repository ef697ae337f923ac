"""What `python -m harness list` shows."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.commands._plain import line, plain
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean
from harness.core.options.source import training_options
from harness.core.options.types import words_for

TOPICS = ("plugins", "runs", "schema")
_PLURALS = {"losses" if kind == "loss" else f"{kind}s": kind for kind in registry.PACKAGES}


def _table(*header: str) -> Table:
    return Table(*header, box=None, pad_edge=False, header_style="bold")


def _console() -> Console:
    """As wide as the terminal; a file or a pipe has no width, and a table cut at 80 columns is unreadable."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def plugins(kinds: tuple[str, ...] = tuple(registry.PACKAGES)) -> None:
    """All plug-ins by kind with the first line of their file; imports none of the built-in ones."""
    table = _table("kind", "name", "what it is")
    for kind in kinds:
        for name in registry.names(kind):
            table.add_row(kind, plain(name), plain(registry.describe(kind, name)))
    _console().print(table)


def runs(output: Path) -> None:
    """All runs of a store, oldest first."""
    from harness.storage.run_store import open_store

    table = _table("run", "name", "begun", "state")
    with open_store(output) as store:
        found = store.runs()
    for stored in found:
        table.add_row(*map(plain, (stored.id, stored.name, stored.created_at, stored.status)))
    _console().print(table if found else f"There are no runs in {output} yet. Start one: python -m harness run")


def schema() -> None:
    """The JSON schema of run.yaml."""
    from harness.config.json_schema import json_schema

    Console(highlight=False, soft_wrap=True).print_json(json.dumps(json_schema()))


def plugin(name: str) -> None:
    """The plug-ins of a name, or all of a kind, with their options.

    Raises ConfigError, with the nearest, where there is none.
    """
    kinds = [kind for kind in registry.PACKAGES if name in registry.names(kind)]
    if name in _PLURALS:
        plugins((_PLURALS[name],))
        return
    if not kinds:
        known = [*TOPICS, *_PLURALS]
        hint = did_you_mean(name, [*known, *(n for kind in registry.PACKAGES for n in registry.names(kind))])
        raise ConfigError(f"There is nothing to list under {name!r}.{hint} Choose one of {', '.join(known)}, or a plug-in.")
    for kind in kinds:
        _console().print(line((f"{kind} {name}", "bold"), f"  {registry.describe(kind, name)}"), soft_wrap=True)
        _options(kind, name)


def _options(kind: str, name: str) -> None:
    if kind == "report":  # a function of a comparison: nothing to set
        return
    options = registry.options(kind, name)
    table = _table("option", "type", "default", "what it is")
    for option in options:
        rows = [(option.name, option)]
        if kind == "aligner" and option.name == "training":
            rows += [(f"training.{setting.name}", setting) for setting in training_options()]
        for shown, one in rows:
            table.add_row(*map(plain, (shown, words_for(one.type), one.default_text, one.about)))
    _console().print(table if options else "It has no options.", "")
