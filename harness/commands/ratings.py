"""The commands that hold a judge against people: a sample to rate, and what the ratings say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, echo, group

ratings = group(
    "ratings", "Hold a judge against people: a random sample of its answers to rate, and what the ratings say of it."
)


@ratings.command(epilog="Example:  python -m harness ratings sample mmhal_bench mini --size 100 --to ratings.csv")
def sample(
    benchmark: Annotated[str, typer.Argument(metavar="BENCHMARK", help="one that a judge rates, such as mmhal_bench")],
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="all runs where none is named")] = None,
    size: Annotated[int, typer.Option("--size", min=1, help="so many answers")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="of the draw")] = 0,
    to: Annotated[Path, typer.Option("--to", help="the sheet to write")] = Path("ratings.csv"),
    output: OutputOption = RUNS,
) -> None:
    """Write a random sample of judged answers as a sheet; the judge's ratings are not on it."""
    from harness.audit.human_ratings import sample_text
    from harness.storage.run_store import open_store

    with open_store(output) as store:
        text = sample_text(store, runs or (), benchmark, size, seed)
    to.write_text(text, encoding="utf-8", newline="")
    echo(f"{to}: fill in the column `rating` on the judge's scale, one copy of the sheet a rater, then:")
    echo(f"python -m harness ratings show {to} --output {output}")


@ratings.command(epilog="Example:  python -m harness ratings show ada.csv grace.csv --run mini")
def show(
    sheets: Annotated[list[Path], typer.Argument(metavar="FILE.csv...", help="filled-in sheets, one a rater")],
    runs: Annotated[list[str] | None, typer.Option("--run", help="runs whose verdicts are meant; all by default")] = None,
    output: OutputOption = RUNS,
) -> None:
    """Agreement and bias of each judge, drift between its versions, and means as people would have given them."""
    from harness.audit.human_ratings import judged_answers, known_to, read_ratings
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
    show_parts(judge_parts(calibrate(chosen, people), drifts(chosen)))
