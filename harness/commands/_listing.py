"""What `python -m harness list` shows."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.core import registry


def _table(*header: str) -> Table:
    return Table(*header, box=None, pad_edge=False, header_style="bold")


def plugins() -> None:
    """All plug-ins by kind with the first line of their file; imports none of the built-in ones."""
    table = _table("kind", "name", "what it is")
    for kind in registry.PACKAGES:
        for name in registry.names(kind):
            table.add_row(kind, name, registry.describe(kind, name).replace("[", "\\["))
    Console(highlight=False).print(table)


def runs(output: Path) -> None:
    """All runs of a store, oldest first."""
    from harness.storage.run_store import open_store

    table = _table("run", "name", "begun", "state")
    with open_store(output) as store:
        for stored in store.runs():
            table.add_row(stored.id, stored.name, stored.created_at, stored.status)
    Console(highlight=False).print(table)


def schema() -> None:
    """The JSON schema of run.yaml."""
    from harness.config import schema as config

    Console(highlight=False, soft_wrap=True).print_json(json.dumps(config.json_schema()))
