"""The commands `check` and `annotators`: do benchmarks score, and annotators rank, as they should?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, WordsArgument, app, echo


@app.command(epilog="Examples:  python -m harness check   |   python -m harness check pope chair")
def check(
    names: Annotated[list[str] | None, typer.Argument(metavar="[BENCHMARK]...", help="default: all benchmarks")] = None,
) -> None:
    """Verify that benchmarks score their built-in examples."""
    from harness.core.edge.text import count
    from harness.evaluation.self_check import check as check_benchmarks

    _require_known(names or [])
    found = check_benchmarks(names or [])
    for one in found:
        echo(f"{one.name}: {one.fault}" if one.fault else f"{one.name}: {count(one.examples, 'example')} as expected")
    if any(one.fault for one in found):
        raise typer.Exit(1)


def _require_known(names: list[str]) -> None:
    """Raise ConfigError with every name that is not one of a benchmark: a wrong word is not a failed check."""
    from harness.core import registry
    from harness.core.errors import ConfigError, HarnessError, UnknownPlugin

    faults = []
    for name in dict.fromkeys(names):
        try:
            registry.get("benchmark", name)
        except UnknownPlugin as error:
            faults.append(str(error))
        except HarnessError:  # such as a plug-in that does not import: its check fails
            pass
    if faults:
        raise ConfigError("\n".join(faults))


@app.command(
    epilog="Examples:  python -m harness annotators --mini   |   python -m harness annotators study:table10 data=/data   |   "
    "python -m harness annotators mine.yaml pairs.povid.limit=200"
)
def annotators(
    words: WordsArgument = None,
    mini: Annotated[bool, typer.Option("--mini", help="annotators and pairs of the miniature world")] = False,
    to: Annotated[Path | None, typer.Option("--to", help="JSON file to write")] = None,
    output: OutputOption = RUNS,
) -> None:
    """Measure how often annotators prefer the chosen answers.

    Every stored pair is asked in both orders. Without a configuration: table 10 of the study. Verdicts are remembered. What a
    server was asked and charged is shown at the end and kept in judge_costs.jsonl of the output folder.
    """
    from harness.api.annotators import annotators as measure
    from harness.commands._terminal import Display
    from harness.commands.run import file_and_changes
    from harness.config.check_paths import check_file_to_write, check_folder_to_write
    from harness.core.files import write_text_whole
    from harness.run.annotators import as_json

    file, changes = file_and_changes(words or [])
    check_folder_to_write(output, "--output")
    if to is not None:
        check_file_to_write(to, "--to")
    with Display() as display:
        found = measure(file, changes, mini=mini, output=output, progress=display)
    echo(found.render())
    if to is not None:
        write_text_whole(to, json.dumps(as_json(found.rows), indent=1) + "\n")
    if any(one.unjudged for one in found.rows):
        raise typer.Exit(1)
