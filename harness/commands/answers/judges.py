"""The command `judges check`: is a judge fit? Pairs that people ranked, in both orders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands._app import RUNS, OutputOption, echo, group
from harness.core.errors import ConfigError

if TYPE_CHECKING:
    from harness.core.plugins import Annotator
    from harness.labels.estimates.judge_fitness import Fitness

commands = group("judges", "Measure judges on pairs of answers that people ranked.")


@commands.command(
    epilog="Examples:  python -m harness judges check vl_rewardbench.jsonl --judge chat judge.model.name=openai "
    "judge.model.url=http://localhost:8000/v1   |   python -m harness judges check pairs.jsonl --replies judge_replies.jsonl"
)
def check(
    pairs: Annotated[Path, typer.Argument(help="pairs in VL-RewardBench's form (JSON lines or a list)")],
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[judge.key=value]...", help="options of the judge, as in a study")
    ] = None,
    judge: Annotated[str, typer.Option("--judge", help="name of the judge (see `list`)")] = "",
    replies: Annotated[
        Path | None, typer.Option("--replies", help="recorded replies instead of a judge: id, random_number, judge_reply")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="scores of a reward model instead: id, scores [first, second]")
    ] = None,
    images: Annotated[Path | None, typer.Option("--images", help="folder of the images; default: that of the pairs")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="only the first pairs")] = None,
    output: OutputOption = RUNS,
) -> None:
    """Measure a judge on pairs that people ranked.

    Every pair is judged in both orders. Accuracy over decided pairs by group, overall and macro; the share undecided and the
    share judged alike in both orders belong beside it. Reports of runs that used this judge state the result.
    """
    from harness.answer_files.rows import rows_of
    from harness.audit.judge_check import asked, pairs_of, recorded, rewarded
    from harness.results.judge_results import keep

    if sum((bool(judge), replies is not None, scores is not None)) != 1:
        raise ConfigError("Give one of --judge NAME, --replies FILE with replies that exist, --scores FILE of a reward model.")
    known = pairs_of([(row.where, row.values) for row in rows_of(pairs)])
    given = replies or scores
    if given is not None:
        read = recorded if replies is not None else rewarded
        found, odd = read(known, [(row.where, row.values) for row in rows_of(given)])
        notes = [f"{odd:,} rows name no pair and are not counted."] if odd else []
    else:
        asking = _judge(judge, changes or [], output)
        found, blind = asked(asking, list(known.values())[:limit], images or pairs.parent)
        keep(output, f"{asking.name} {asking.version}", found)
        notes = [f"{blind:,} pairs were judged without their image, which is not there."] if blind else []
    _show(found, notes)


def _show(found: Fitness, notes: list[str]) -> None:
    for name, share in (*found.groups.items(), ("overall", found.overall), ("macro", found.macro)):
        echo(f"{name:14}{'unknown: no decided pair' if share is None else f'{share:.2%}'}")
    for line in (f"The judge {found.words()}.", *notes):
        echo(line)


def _judge(name: str, changes: list[str], output: Path) -> Annotator:
    """The judge of these options, with its verdicts remembered in the output folder's store."""
    from harness.config import schema
    from harness.evaluation.scoring import make_annotator
    from harness.storage.run_store import Store

    tree = {
        "model": {"name": "transformers", "path": "none"},
        "sweep": [{"name": "mmhal_bench", "judge": {"name": name}}],
    }
    spec = schema.parse(tree, f"the options of {name}", [f"sweep.0.{change}" for change in changes]).sweep[0]
    assert spec.judge is not None
    output.mkdir(parents=True, exist_ok=True)
    return make_annotator(spec.judge, Store(output / "store.sqlite"))
