"""The commands `ratings ...`: compare a judge with human ratings of a random sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, echo, group

ratings = group("ratings", "Compare a judge with human ratings of a random sample.")


@ratings.command(epilog="Example:  python -m harness ratings sample mmhal_bench mini --size 100 --to ratings.csv")
def sample(
    benchmark: Annotated[str, typer.Argument(metavar="BENCHMARK", help="judged benchmark, such as mmhal_bench")],
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="runs to sample from; default: all runs")] = None,
    size: Annotated[int, typer.Option("--size", min=1, help="number of answers to sample")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="seed of the sample")] = 0,
    to: Annotated[Path, typer.Option("--to", help="CSV file to write")] = Path("ratings.csv"),
    output: OutputOption = RUNS,
) -> None:
    """Write a random sample of judged answers to a CSV file.

    The judge's own ratings are left out, so that they cannot bias the raters.
    """
    from harness.audit.human_ratings import sample_text
    from harness.commands.label_audit.queue_files import require_ending
    from harness.storage.run_store import open_store

    require_ending(to, {".csv": "the sheet"})
    with open_store(output) as store:
        text = sample_text(store, runs or (), benchmark, size, seed)
    to.write_text(text, encoding="utf-8", newline="")
    echo(f"{to}: fill in the column `rating` on the judge's scale, one copy of the sheet a rater, then:")
    echo(f"python -m harness ratings show {to} --output {output}")


@ratings.command(epilog="Example:  python -m harness ratings show ada.csv grace.csv --run mini")
def show(
    sheets: Annotated[list[Path], typer.Argument(metavar="FILE.csv...", help="filled-in CSV files, one for each rater")],
    runs: Annotated[
        list[str] | None, typer.Option("--run", help="run whose verdicts are compared; may be repeated; default: all runs")
    ] = None,
    output: OutputOption = RUNS,
) -> None:
    """Compare judges with human ratings.

    Shows agreement and bias of each judge, drift between its versions, and means corrected with the human ratings.
    """
    from harness.audit.human_ratings import judged_answers, known_to, read_ratings, scale_of
    from harness.commands._terminal import show_parts
    from harness.core.errors import DataError
    from harness.labels.estimates.judge_calibration import calibrate, drifts
    from harness.storage.run_store import open_store
    from reports.label_audit.judge_text import judge_parts

    people = read_ratings(sheets)
    if not people:
        raise DataError("No row has a rating yet. Fill in the column `rating` with numbers on the judge's scale.")
    with open_store(output) as store:
        judged = judged_answers(store, runs or ())
    known = known_to(judged, people)
    if not known:
        raise DataError(f"None of the {len(people):,} ratings is of an answer in these runs. Was the sheet made from others?")
    echo(f"{len(people):,} answers rated by people, {known:,} of them in these runs.")
    rated = {benchmark for benchmark, _ in people}
    chosen = [one for one in judged if one.benchmark in rated]
    scales = {benchmark: scale for benchmark in rated if (scale := scale_of(benchmark)) is not None}
    widths = {benchmark: scale.high - scale.low for benchmark, scale in scales.items()}
    show_parts(judge_parts(calibrate(chosen, people, widths), drifts(chosen)))
