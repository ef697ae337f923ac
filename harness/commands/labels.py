"""The commands about labels: queue and votes without a browser, revisions in and out, runs under them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from harness.commands._app import RUNS, OutputOption, app, echo, group
from harness.core.errors import DataError

labels = group("labels", "Audited labels without a browser: the queue as a sheet, votes from it, revisions in and out.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="name of the revision")]
BenchmarkArgument = Annotated[str, typer.Argument(metavar="BENCHMARK", help="such as pope, chair, amber")]
DataOption = Annotated[Path, typer.Option("--data", help="the data folder with the official files")]
SampleOption = Annotated[int, typer.Option("--sample", min=0, help="size of the random control set")]
SeedOption = Annotated[int, typer.Option("--seed", help="of the control set")]


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


@labels.command("queue", epilog="Example:  python -m harness labels queue pope --most 300 --sample 200 --to queue.csv")
def queue_(
    benchmark: BenchmarkArgument,
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="all runs where none is named")] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="so many suspects")] = 300,
    sample: SampleOption = 0,
    seed: SeedOption = 0,
    to: Annotated[Path | None, typer.Option("--to", help="write a CSV sheet to fill in, instead of showing the first")] = None,
    answers: Annotated[bool, typer.Option("--answers", help="with the checkpoints' answers: they may lead a reviewer")] = False,
    output: OutputOption = RUNS,
) -> None:
    """Labels worth a second look, most suspicious first, and a random control set among them."""
    from harness.audit.queue import queue
    from harness.audit.review_sheet import queue_text
    from harness.commands._terminal import Display
    from harness.storage.run_store import open_store
    from reports.web.review.desk import mixed

    with open_store(output) as store, Display() as display:
        cases = queue(store, benchmark, runs or (), sample=sample, seed=seed, progress=display.progress)
    chosen = mixed(cases, most)
    if to is not None:
        to.write_text(queue_text(chosen, answers), encoding="utf-8", newline="")
        echo(f"{to}: {len(chosen):,} of {len(cases):,} labels. Fill in the column `word` and save it as CSV, then:")
        echo(f"python -m harness labels votes {to} --reviewer NAME --output {output}")
        return
    for case in chosen[:20]:
        reasons = (*case.hearsay, *case.reasons) if answers else case.reasons
        echo(f"{case.suspicion:6.1%}  {case.question} Label: {case.label}  ({case.image})")
        if reasons:
            echo(f"        {'; '.join(reasons)}")
    echo(
        f"{len(cases):,} labels; --answers tells what checkpoints said too, --to FILE.csv writes a sheet, "
        f"`python -m harness audit {benchmark}` opens the review page."
    )


@labels.command(epilog="Example:  python -m harness labels votes queue.csv --reviewer Ada")
def votes(
    sheet: Annotated[Path, typer.Argument(metavar="FILE.csv", help="a sheet of `labels queue`, filled in")],
    reviewer: Annotated[str, typer.Option("--reviewer", help="whose judgement it is")],
    output: OutputOption = RUNS,
) -> None:
    """Take the judgements of a filled-in sheet as votes: right, wrong, ambiguous or skip, all of them or none."""
    from harness.audit.review_sheet import votes_of
    from harness.storage.run_store import open_store
    from harness.storage.spreadsheets import read_bytes
    from harness.storage.vote_store import Reviews

    open_store(output)
    cast = votes_of(read_bytes(sheet), str(sheet), reviewer, _now())
    with Reviews(output / "store.sqlite") as reviews:
        echo(reviews.take(cast).told)


@labels.command(epilog="Example:  python -m harness labels make ours --source 'Ada and Grace, 2026' --sample 200")
def make(
    name: NameArgument,
    source: Annotated[str, typer.Option("--source", help="whose word it is, for those who cite it")] = "",
    sample: SampleOption = 0,
    seed: SeedOption = 0,
    output: OutputOption = RUNS,
) -> None:
    """Make a revision of the labels that reviewers have decided: agreed on, or settled by an adjudication."""
    from harness.labels.cases import NOUN, VERDICT
    from harness.storage.label_revisions import Revision, write
    from harness.storage.run_store import open_store
    from harness.storage.vote_store import Reviews

    open_store(output)
    with Reviews(output / "store.sqlite") as reviews:
        ballots = reviews.ballots()
    edits = tuple(edit for edit in ballots.edits() if not edit.field.startswith((NOUN, VERDICT)))
    if not edits:
        raise DataError(
            "No label is decided yet. Review some first: python -m harness audit, or labels queue and labels votes."
        )
    control = {"sample": sample, "seed": seed} if sample else {}
    path = write(Revision(name, source or ", ".join(ballots.reviewers()), edits, control), output)
    echo(f"{path}: {len(edits):,} decided labels. {len(ballots.disputed()):,} are still disputed.")


@labels.command("import", epilog="Example:  python -m harness labels import repope annotations/coco_repope_*.json --data data")
def import_(
    name: NameArgument,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="official files with other labels, or a revision")],
    benchmark: Annotated[str, typer.Option("--benchmark", help="whose files they are")] = "pope",
    data: DataOption = Path("data"),
    source: Annotated[str, typer.Option("--source", help="whose word it is")] = "",
    output: OutputOption = RUNS,
) -> None:
    """Keep other people's labels as a revision: RePOPE's files and their like, or a revision that was shared."""
    from harness.audit.label_files import import_labels, is_revision
    from harness.storage.label_revisions import loads, write

    texts = {file.name: _read(file) for file in files}
    if len(files) == 1 and is_revision(texts[files[0].name]):
        shared = loads(texts[files[0].name], str(files[0]))
        path = write(type(shared)(name, shared.source, shared.edits, shared.control), output)
    else:
        path = write(import_labels(name, benchmark, texts, data, source or name, _now()), output)
    echo(str(path))


@labels.command(epilog="Example:  python -m harness labels export ours --benchmark pope --data data --to data")
def export(
    name: NameArgument,
    benchmark: Annotated[str, typer.Option("--benchmark", help="whose official form to write")] = "pope",
    data: DataOption = Path("data"),
    to: Annotated[Path, typer.Option("--to", help="folder to write to")] = Path(),
    output: OutputOption = RUNS,
) -> None:
    """Write a revision as files of the official form, for other harnesses."""
    from harness.audit.label_files import export_labels
    from harness.storage.label_revisions import read

    texts, conflicts = export_labels(read(name, output), benchmark, data)
    for conflict in conflicts:
        echo(f"not applied: {conflict}", err=True)
    for file, text in texts.items():
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        (to / file).write_text(text, encoding="utf-8", newline="\n")
        echo(str(to / file))


@labels.command("list", epilog="Example:  python -m harness labels list")
def list_(output: OutputOption = RUNS) -> None:
    """The revisions of an output folder."""
    from harness.storage.label_revisions import FOLDER, read

    for path in sorted((output / FOLDER).glob("*.jsonl")):
        revision = read(str(path), output)
        echo(f"{revision.name}  {revision.digest[:12]}  {len(revision.edits):,} labels  {revision.source}")


@app.command(epilog="Example:  python -m harness rescore mini-1a2b3c4d mini-5e6f7a8b --labels repope")
def rescore(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="ids or names of runs; the first is the baseline")],
    revisions: Annotated[list[str], typer.Option("--labels", metavar="REVISION", help="name or file; may be repeated")],
    output: OutputOption = RUNS,
) -> None:
    """Stored runs under official and audited labels side by side, without generating or judging again."""
    from harness.audit.audited_comparison import audited
    from harness.commands._terminal import show_audit

    show_audit(audited(output, runs, revisions))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text ({error}).") from error
