"""The commands `labels queue`, `votes`, `make` and `agreement`: review labels with spreadsheets instead of a browser."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, echo, group
from harness.core.edge.launch import command_line
from harness.core.edge.text import count
from harness.core.errors import DataError

labels = group("labels", "Review labels in spreadsheets; exchange label revisions.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="name of the revision")]
BenchmarkArgument = Annotated[
    str, typer.Argument(metavar="BENCHMARK", help="benchmark whose labels are reviewed, such as pope, chair or amber")
]
DataOption = Annotated[str, typer.Option("--data", help="data folder with the official files; `miniworld` is the embedded one")]
SampleOption = Annotated[int, typer.Option("--sample", min=0, help="number of labels in the random control sample")]
SeedOption = Annotated[int, typer.Option("--seed", help="seed of the random control sample")]


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def warn(*notes: str) -> None:
    """Those that say something, each on a line."""
    for note in filter(None, notes):
        echo(f"WARNING: {note}", err=True)


@labels.command("queue", epilog="Example:  python -m harness labels queue pope --most 300 --sample 200 --to queue.csv")
def queue_(
    benchmark: BenchmarkArgument,
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="runs whose answers are used as evidence; default: all runs")
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="number of suspicious labels to list")] = 300,
    sample: SampleOption = 0,
    seed: SeedOption = 0,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="write the list to this file: .csv, or .json as tasks for Label Studio"),
    ] = None,
    form: Annotated[
        str,
        typer.Option("--as", help="`coco`: write a .json file of the boxes with their doubt instead, for FiftyOne and others"),
    ] = "",
    reviewer: Annotated[
        str, typer.Option("--reviewer", help="only what this reviewer has not judged, in the order in which it is worth most")
    ] = "",
    answers: Annotated[
        bool, typer.Option("--answers", help="also show the checkpoints' answers (they can bias a reviewer)")
    ] = False,
    output: OutputOption = RUNS,
) -> None:
    """List suspicious labels and a random control sample.

    The most suspicious labels come first; control labels stand at random places among them.
    """
    from harness.audit.queue import queue
    from harness.audit.vote_files.earlier_votes import place_votes
    from harness.commands._terminal import Display
    from harness.commands.label_audit.queue_files import check_form, write_queue
    from harness.labels.next_review import advice
    from harness.storage.run_store import open_store
    from harness.storage.vote_store import Reviews
    from reports.web.review.desk import mixed

    check_form(to, form, answers)
    notes: list[str] = []
    with open_store(output) as store, Reviews(store.path, reading=True) as reviews:
        with Display() as display:
            cases = queue(store, benchmark, runs or (), sample=sample, seed=seed, progress=display.progress, tell=notes.append)
        warn(*notes, place_votes(store, reviews))
        ballots = reviews.ballots()
    chosen = mixed(cases, most)
    advised = advice(chosen, ballots)
    if reviewer := ballots.names.of(reviewer):
        waiting = [i for i, case in enumerate(chosen) if reviewer not in ballots.of(case.key).votes]
        chosen = [chosen[i] for i in advised.order(waiting, [case.key for case in chosen])]
    if to is not None:
        write_queue(chosen, len(cases), ballots, advised.needs, to, form, answers, runs or (), output)
        return
    for case in chosen[:20]:
        reasons = (*case.model_evidence, *case.reasons) if answers else case.reasons
        echo(f"{case.suspicion:6.1%}  {case.question} Label: {case.label}  ({case.image})  {advised.needs[case.key]}")
        if reasons:
            echo(f"        {'; '.join(reasons)}")
    echo(
        f"{len(cases):,} labels; --answers also shows the checkpoints' answers, --to FILE.csv writes a sheet, "
        f"`{command_line('audit', benchmark, '--output', output)}` opens the review page."
    )


@labels.command(epilog="Example:  python -m harness labels votes queue.csv --reviewer Ada")
def votes(
    sheet: Annotated[Path, typer.Argument(metavar="FILE.csv", help="filled-in CSV file, or Label Studio's JSON export")],
    reviewer: Annotated[str, typer.Option("--reviewer", help="name of the reviewer; Label Studio's export has its own")] = "",
    output: OutputOption = RUNS,
) -> None:
    """Store the votes of a filled-in CSV file.

    A vote is one of right, wrong, ambiguous or skip. Either every row is stored or none.
    """
    from harness.audit.vote_files.earlier_votes import place_votes
    from harness.audit.vote_files.read_votes import votes_in
    from harness.storage.run_store import open_store
    from harness.storage.vote_store import Reviews

    with open_store(output) as store:
        filled = votes_in(store, sheet, reviewer, now())
        with Reviews(store.path) as reviews:
            unplaced = place_votes(store, reviews)
            reviews.know(filled.users)
            echo(reviews.take(filled.votes, filled.dated).summary + filled.left)
    warn(filled.warning, unplaced)


@labels.command(epilog="Example:  python -m harness labels make ours --source 'Ada and Grace, 2026' --sample 200")
def make(
    name: NameArgument,
    source: Annotated[str, typer.Option("--source", help="citation to store with the revision")] = "",
    sample: SampleOption = 0,
    seed: SeedOption = 0,
    output: OutputOption = RUNS,
) -> None:
    """Make a revision from the decided labels.

    A label is decided where its reviewers agree or an adjudication has settled it.
    """
    from harness.audit.vote_files.earlier_votes import UNKNOWN_QUESTION, place_votes
    from harness.labels.cases import CAPTION, NOUN, VERDICT
    from harness.storage.label_revisions import Revision, write
    from harness.storage.run_store import open_store
    from harness.storage.vote_store import Reviews

    with open_store(output) as store, Reviews(store.path) as reviews:
        warn(place_votes(store, reviews))
        ballots = reviews.ballots()
    no_labels = (NOUN, VERDICT, CAPTION)
    decided = [edit for edit in ballots.edits() if not edit.field.startswith(no_labels)]
    edits = tuple(edit for edit in decided if edit.about != UNKNOWN_QUESTION)
    disputed = sum(not key.field.startswith(no_labels) for key in ballots.disputed())
    if not edits:
        raise DataError(
            "No label is decided yet. Review some first: python -m harness audit, or labels queue and labels votes."
        )
    control = {"sample": sample, "seed": seed} if sample else {}
    path = write(Revision(name, source or ", ".join(ballots.deciders(edits)), edits, control), output)
    echo(f"{path}: {count(len(edits), 'decided label')}. {disputed:,} {'is' if disputed == 1 else 'are'} still disputed.")


@labels.command(epilog="Example:  python -m harness labels agreement chair_open mini")
def agreement(
    benchmark: Annotated[
        str, typer.Argument(metavar="[BENCHMARK]", help="benchmark that lists hallucinated nouns")
    ] = "chair_open",
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="runs that are compared; default: all runs")
    ] = None,
    output: OutputOption = RUNS,
) -> None:
    """Compare listed hallucinations with marks in captions.

    Precision and recall of the list over randomly drawn captions, which `audit BENCHMARK --captions N` shows to be marked.
    """
    from harness.audit.marked_captions import list_agreement
    from harness.audit.vote_files.earlier_votes import place_votes
    from harness.commands._terminal import show_parts
    from harness.storage.run_store import open_store
    from harness.storage.vote_store import Reviews
    from reports.label_audit.judge_text import noun_part
    from reports.label_audit.text import captions_left_out

    with open_store(output) as store, Reviews(store.path, reading=True) as reviews:
        warn(place_votes(store, reviews))
        ballots = reviews.ballots()
        found = list_agreement(store, benchmark, runs or (), ballots)
    show_parts([noun_part([(one.decided_by, one.checkpoint, one.found) for one in found])])
    for one in found:
        if not one.checkpoint and (left := captions_left_out(one.ambiguous, one.elsewhere)):
            echo(f"Decided by {one.decided_by}: {left}.")
    if all(one.found is None for one in found):
        echo(f"No caption is marked yet: {command_line('audit', benchmark, '--captions', 50, '--output', output)}")
