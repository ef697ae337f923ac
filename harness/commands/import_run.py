"""The command `import-run`: another tool's answers as a run, without asking the model again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, app, echo
from harness.commands.run import exit_if_incomplete
from harness.core.edge.launch import command_line


@app.command(
    "import-run",
    epilog="Examples:  python -m harness import-run samples_pope.jsonl --benchmark pope --data data   |   "
    "python -m harness import-run Model_MMHal.csv --benchmark mmhal_bench --data data sweep.mmhal_bench.judge.name=keywords",
)
def import_run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="samples of lmms-eval (.jsonl) or results of VLMEvalKit (.csv)")],
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[key.path=value]...", help="options of the benchmark, as in `sweep`")
    ] = None,
    benchmark: Annotated[str, typer.Option("--benchmark", help="benchmark that the answers are about")] = "pope",
    name: Annotated[str, typer.Option("--name", help="name of the run; default: the file's")] = "",
    data: Annotated[str, typer.Option("--data", help="data folder with the benchmark's files")] = "miniworld",
    output: OutputOption = RUNS,
) -> None:
    """Score answers of lmms-eval or VLMEvalKit as a run.

    Reports name what the log does not tell of the protocol. Exit code 1: items have no answer in the log, or no verdict.
    """
    from harness.commands._terminal import show_comparison
    from harness.config.check_paths import check_folder_to_write
    from harness.core.edge.text import count
    from harness.run.import_run import import_run as imported

    check_folder_to_write(output, "--output")
    command = command_line(*sys.argv[1:])
    done = imported(file, benchmark, name=name, data=data, output=output, command=command, changes=changes or (), say=echo)
    show_comparison(done.outcome.comparison)
    echo(f"{done.run_id}: {done.answered:,} of {done.items:,} items answered in the log of {done.tool}.")
    if done.unmatched:
        echo(f"{count(done.unmatched, 'row')} left out: no item, or more than one, has the question and the image.")
    if done.not_asked:
        echo(f"{count(done.not_asked, 'row')} left out: of question files of which this run asks nothing.")
    if done.other_prompts:
        echo(f"{count(done.other_prompts, 'answer')} to another prompt than this benchmark's; the protocol says so.")
    echo(f"Compare it: {command_line('compare', 'OTHER', done.run_id, '--output', output)}")
    echo(f"{done.outcome.folder / 'report.html'}")
    exit_if_incomplete(done.outcome)
