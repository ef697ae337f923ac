"""The command `score`: score answers that already exist, in a benchmark's published file formats."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, app, echo
from harness.commands.run import exit_if_incomplete
from harness.core.edge.launch import command_line


@app.command(
    epilog="Examples:  python -m harness score pope --answers random.jsonl splits=[random] variant=official   |   "
    "python -m harness score llava_bench --answers answers.jsonl --reviews reviews.jsonl --name llava-13b   |   "
    "python -m harness score mme --answers results/ --data data"
)
def score(
    benchmark: Annotated[str, typer.Argument(help="name of the benchmark (see `list`)")],
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[key=value]...", help="options of the benchmark, as in a study")
    ] = None,
    answers: Annotated[
        list[Path] | None, typer.Option("--answers", help="file with answers, or a folder of such files; may be repeated")
    ] = None,
    reviews: Annotated[
        list[Path] | None, typer.Option("--reviews", help="file with the judge's replies (reviews, gradings); may be repeated")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="name of the run; default: the file's name and the column")] = None,
    column: Annotated[str, typer.Option("--column", help="column of the answers, where it is not a usual one")] = "",
    cut_reasoning: Annotated[
        bool, typer.Option("--cut-reasoning", help="score final answers: cut reasoning and white space around them off first")
    ] = False,
    data: Annotated[str, typer.Option("--data", help="data folder; `miniworld` is the embedded miniature world")] = "data",
    output: OutputOption = RUNS,
) -> None:
    """Score answers that already exist and keep them as a run.

    Reads the published answer and review formats of every benchmark. `compare`, `audit` and `rescore` work on the run; its
    protocol names the files by digest. Rows that match no item, and items without an answer, are counted and listed.
    Exit code 1: items have no answer or no verdict, or captions are of images without annotations.
    """
    from harness.answer_files.make_run import AnswerFiles, score_files
    from harness.answer_files.options import run_name, spec_of
    from harness.commands._terminal import show_comparison
    from harness.config.check_paths import check_folder_to_write
    from harness.run.data import open_data

    check_folder_to_write(output, "--output")
    files = AnswerFiles(answers or [], reviews or [], column, cut_reasoning)
    spec = spec_of(benchmark, changes or [], files)
    command = command_line(*sys.argv[1:])
    folder = open_data(data, output.expanduser(), echo)
    done = score_files(spec, files, run_name(name, files), folder, output.expanduser(), command, echo)
    show_comparison(done.outcome.comparison)
    for note in done.notes:
        echo(note)
    echo(f"{done.outcome.folder / 'report.html'}")
    exit_if_incomplete(done.outcome)
    if done.lost:
        raise typer.Exit(1)
