"""The commands `ratings ...`: compare a judge with human ratings of a random sample."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, echo, group
from harness.core.edge.launch import command_line

Answer = tuple[str, str]  # benchmark, answer id

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
    from harness.audit.judges.human_ratings import sample_text, scale_of
    from harness.commands.label_audit.queue_files import require_ending, require_unfilled
    from harness.config.check_paths import check_file_to_write
    from harness.core.files import write_text_whole
    from harness.storage.run_store import open_store

    require_ending(to, {".csv": "the sheet"})
    check_file_to_write(to, "--to")
    require_unfilled(to, "rating")
    with open_store(output) as store:
        text = sample_text(store, runs or (), benchmark, size, seed)
    write_text_whole(to, text)
    scale = scale_of(benchmark)
    numbers = f"with numbers from {scale.low:g} to {scale.high:g}" if scale else "on the judge's scale"
    echo(f"{to}: fill in the column `rating` {numbers}, one copy of the sheet a rater, then:")
    echo(command_line("ratings", "show", to, "--output", output))


@ratings.command(epilog="Example:  python -m harness ratings show ada.csv grace.csv --run mini")
def show(
    sheets: Annotated[list[Path], typer.Argument(metavar="FILE.csv...", help="filled-in CSV files, one for each rater")],
    runs: Annotated[
        list[str] | None, typer.Option("--run", help="run whose verdicts are compared; may be repeated; default: all runs")
    ] = None,
    output: OutputOption = RUNS,
) -> None:
    """Compare judges with human ratings.

    Shows agreement and bias of each judge, agreement of the raters, drift between judges, and means corrected with the human
    ratings. A row must show the item and the answer that its `answer_id` names.
    """
    from harness.audit.judges.human_ratings import judged_answers, scale_of
    from harness.audit.vote_files.read_ratings import ratings_in
    from harness.commands._terminal import show_parts
    from harness.labels.estimates.judge_calibration import calibrate, drifts, rater_pairs, readings
    from harness.storage.run_store import open_store
    from reports.label_audit.judge_text import judge_parts

    with open_store(output) as store:
        found = ratings_in(store, sheets, runs or ())
        judged = judged_answers(store, runs or ())
    people = found.people
    _tell(people, found.elsewhere, {(one.benchmark, one.answer) for one in judged})
    for name in found.unchecked:
        echo(f"{name} has no columns `item_id` and `answer`: whether its ratings stand beside their answers is not known.")
    rated = {benchmark for benchmark, _ in people}
    chosen = [one for one in judged if one.benchmark in rated]
    scales = {benchmark: scale for benchmark in rated if (scale := scale_of(benchmark)) is not None}
    widths = {benchmark: scale.high - scale.low for benchmark, scale in scales.items()}
    pairs = rater_pairs(found.raters, widths)
    show_parts(judge_parts(calibrate(chosen, people, widths), drifts(chosen), pairs, readings(chosen), scales))


def _tell(people: Collection[Answer], elsewhere: Mapping[str, int], judged: Collection[Answer]) -> None:
    """How many of the ratings are compared, and why the others are not. Raises DataError where none is."""
    from harness.core.errors import DataError

    if not people and not elsewhere:
        raise DataError("No row has a rating yet. Fill in the column `rating` with numbers on the judge's scale.")
    others = f"{sum(elsewhere.values()):,} are of answers that only other runs have: {', '.join(elsewhere)}."
    if not people:
        raise DataError(f"None of the ratings is of an answer in these runs. {others} Name such a run with `--run`.")
    echo(f"{len(people) + sum(elsewhere.values()):,} answers rated by people, {len(people):,} of them in these runs.")
    if elsewhere:
        echo(f"{others} They are left out.")
    if unread := [answer for answer in people if answer not in judged]:
        echo(f"{len(unread):,} are of answers without a rating of the judge that could be read. They are left out.")
