"""The command `check`: verify that benchmarks score their built-in examples as documented."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.commands._app import app, echo


@app.command(epilog="Examples:  python -m harness check   |   python -m harness check pope chair")
def check(
    names: Annotated[list[str] | None, typer.Argument(metavar="[BENCHMARK]...", help="default: all benchmarks")] = None,
) -> None:
    """Verify that benchmarks score their built-in examples."""
    from harness.evaluation.self_check import check as check_benchmarks

    found = check_benchmarks(names or [])
    for one in found:
        echo(f"{one.name}: {one.fault}" if one.fault else f"{one.name}: {one.examples} examples hold")
    if any(one.fault for one in found):
        raise typer.Exit(1)
