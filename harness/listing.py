"""What `python -m harness list` shows."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness import registry
from harness.errors import StoreError


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
    from harness.store import Store

    path = output / "store.sqlite"
    if not path.is_file():
        raise StoreError(f"There is no run store in {output}. Start a run first: python -m harness run")
    table = _table("run", "name", "begun", "state")
    with Store(path) as store:
        for stored in store.runs():
            table.add_row(stored.id, stored.name, stored.created_at, stored.status)
    Console(highlight=False).print(table)


def data_files() -> None:
    """Which official file each benchmark needs, from where, under which licence."""
    table = _table("benchmark", "file in the data folder", "from", "licence")
    for name in registry.names("benchmark"):
        for file in getattr(registry.get("benchmark", name), "files", ()):
            table.add_row(name, file.name, file.origin, file.licence)
    Console(highlight=False).print(table)


def schema() -> None:
    """The JSON schema of run.yaml."""
    from harness import config

    Console(highlight=False, soft_wrap=True).print_json(json.dumps(config.json_schema()))
