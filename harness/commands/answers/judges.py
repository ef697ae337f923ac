"""The command `judges check`: is a judge, or a reward model, fit? Pairs that people ranked, in both orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands._app import RUNS, OutputOption, echo, group
from harness.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from harness.audit.judges.judge_check import Asked, RankedPair
    from harness.core.plugins import Annotator
    from harness.labels.estimates.judge_fitness import Fitness

_REASONS = 3  # reasons that are named

commands = group("judges", "Measure judges on pairs of answers that people ranked.")


@commands.command(
    epilog="Examples:  python -m harness judges check vl_rewardbench.jsonl --judge chat judge.model.name=openai "
    "judge.model.url=http://localhost:8000/v1   |   python -m harness judges check pairs.jsonl --replies judge_replies.jsonl"
    "   |   python -m harness judges check pairs.jsonl --reward-model runs/ID/reward_models/rm   |   "
    "python -m harness judges check pairs.jsonl --run ID"
)
def check(
    pairs: Annotated[Path, typer.Argument(help="pairs in VL-RewardBench's form (JSON lines or a list)")],
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[judge.key=value]...", help="options of the judge (or of the reward model: model.key=value)"),
    ] = None,
    judge: Annotated[str, typer.Option("--judge", help="name of the judge (see `list`)")] = "",
    replies: Annotated[
        Path | None, typer.Option("--replies", help="recorded replies instead of a judge: id, random_number, judge_reply")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="scores of a reward model instead: id, scores [first, second]")
    ] = None,
    reward_model: Annotated[
        Path | None, typer.Option("--reward-model", help="a trained reward model: its checkpoint, or RUN/reward_models/NAME")
    ] = None,
    run: Annotated[str, typer.Option("--run", help="every judge and reward model of this run")] = "",
    images: Annotated[Path | None, typer.Option("--images", help="folder of the images; default: that of the pairs")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="only the first pairs")] = None,
    output: OutputOption = RUNS,
) -> None:
    """Measure a judge or a reward model on pairs that people ranked.

    Every pair is judged in both orders. Accuracy over decided pairs by group, overall and macro; the share undecided and, of
    pairs seen in both orders, the share judged alike belong beside it. Reports of runs that used this judge with these
    settings, or were trained with this reward model, state the result. Where a question got no reply nothing is kept, and
    the exit code is 1, as where pairs have no row in `--replies` or `--scores`. What a server was asked and charged is shown
    at the end and kept in judge_costs.jsonl of the output folder.
    """
    from harness.answer_files.rows import rows_of
    from harness.audit.judges.judge_check import pairs_of, recorded, rewarded
    from harness.config.check_paths import check_folder_to_write

    if sum((bool(judge), replies is not None, scores is not None, reward_model is not None, bool(run))) != 1:
        raise ConfigError(
            "Give one of --judge NAME, --reward-model FOLDER, --run RUN, --replies FILE with replies that exist, "
            "--scores FILE of a reward model."
        )
    check_folder_to_write(output, "--output")
    _check_together(changes or [], judge=judge, reward_model=reward_model, run=run, images=images, limit=limit)
    known = pairs_of([(row.where, row.values) for row in rows_of(pairs)])
    given = replies or scores
    if given is not None:
        read = recorded if replies is not None else rewarded
        rows = rows_of(given)
        found, odd = read(known, [(row.where, row.values) for row in rows])
        if odd == len(rows):
            raise DataError(f"No row of {given} names a pair of {pairs} by its `id`. Is it another set's file?")
        _show("judge" if replies is not None else "reward model", found)
        echo(f"{odd:,} rows name no pair and are not counted.") if odd else None
        if absent := len(known.keys() - {str(row.values.get("id", "")) for row in rows}):
            echo(f"{absent:,} of {len(known):,} pairs have no row in {given}: they are among the undecided.", err=True)
            raise typer.Exit(1)
        return
    asked, folder = list(known.values())[:limit], images or pairs.parent
    if reward_model is not None:
        _check_reward(reward_model, changes or [], asked, folder, output)
    elif run:
        _check_run(run, asked, folder, output)
    elif not _check_judge(_judge(judge, changes or [], output), asked, folder, output):
        raise typer.Exit(1)


def _check_together(
    changes: Sequence[str], judge: str, reward_model: Path | None, run: str, images: Path | None, limit: int | None
) -> None:
    """Raise ConfigError for options that would be passed over, and for images that are in no folder."""
    key = "judge." if judge else "model." if reward_model is not None else ""
    if stray := [change for change in changes if not key or not change.startswith(key)]:
        takes = f"options of it are given as {key}key=value" if key else "it takes no key=value"
        raise ConfigError(f"{', '.join(map(repr, stray))}: nothing here reads that; {takes}.")
    asks = judge or reward_model is not None or run
    if unread := [name for name, value in (("--images", images), ("--limit", limit)) if value is not None and not asks]:
        raise ConfigError(f"{' and '.join(unread)}: replies and scores that exist are all counted. Leave it out.")
    if images is not None and not images.is_dir():
        raise ConfigError(f"--images: there is no folder {images}. Give the folder of the pairs' images.")


@contextmanager
def _progress(who: str, pairs: Sequence[RankedPair]) -> Iterator[Callable[[int], None]]:
    """A progress line on a terminal while it is open."""
    from harness.commands._terminal import Display

    with Display() as display:
        display.progress(f"{who}: pairs", 0, len(pairs))  # a local model's first pair may take a minute
        yield lambda done: display.progress(f"{who}: pairs", done, len(pairs))


def _check_judge(judge: Annotator, pairs: Sequence[RankedPair], images: Path, output: Path) -> bool:
    """Whether every question got a reply; else there is no result, and none is kept."""
    from harness.audit.judges.judge_check import asked
    from harness.evaluation.server_cost import CostLog

    with CostLog(output, "judges check", f"judge {judge.name}", judge, echo) as cost:
        with _progress(f"judge {judge.name}", pairs) as progress:
            found = asked(judge, pairs, images, progress, cost.grow)
        return _kept(judge, pairs, found, output)


def _kept(judge: Annotator, pairs: Sequence[RankedPair], found: Asked, output: Path) -> bool:
    """Show and keep a result; False where there is none."""
    from harness.results.judge_results import keep

    if found.unreached:
        echo(_not_reached(f"judge {judge.name} {judge.version}", found, 2 * len(pairs)), err=True)
        return False
    _show(f"judge {judge.name}", found.fitness, found.blind)
    if found.withheld:
        left_out = f"{sum(found.withheld.values()):,} of {len(pairs):,} pairs"
        echo(f"{left_out} are left out, since the server withholds a reply to them: {_by_reason(found.withheld)}.")
    if found.unread:
        unread, of = sum(found.unread.values()), 2 * (len(pairs) - sum(found.withheld.values()))
        echo(f"Nothing could be read from {unread:,} of {of:,} replies: {_by_reason(found.unread)}.")
    if stays := keep(output, f"{judge.name} {judge.version}", found.fitness):
        echo(stays)
    return True


def _not_reached(who: str, found: Asked, questions: int) -> str:
    return (
        f"No result of the {who}: {sum(found.unreached.values()):,} of {questions:,} questions got no reply "
        f"({_by_reason(found.unreached)}). That says nothing about the judge, unlike an undecided pair, and nothing is kept. "
        "Solve it and run the same command again: questions that got a verdict are not asked again."
    )


def _by_reason(reasons: Mapping[str, int]) -> str:
    """'429 Too Many Requests (3), timed out (1)', the first few."""
    ordered = sorted(reasons.items(), key=lambda reason: -reason[1])
    more = [f"and {len(ordered) - _REASONS:,} other reasons"] if len(ordered) > _REASONS else []
    return ", ".join([*(f"{why.removeprefix('no reply: ').rstrip('.')} ({n:,})" for why, n in ordered[:_REASONS]), *more])


def _check_reward(folder: Path, changes: Sequence[str], pairs: Sequence[RankedPair], images: Path, output: Path) -> None:
    """`changes`: of the backend that loads it, as in a study: model.dtype=bfloat16."""
    from harness.config import schema

    tree = {"model": {"name": "transformers", "path": str(folder)}, "sweep": [{"name": "pope"}]}
    spec = schema.parse(tree, f"the options of {folder}", changes).model
    _rate(folder, spec.name, spec.options, pairs, images, output)


def _rate(folder: Path, name: str, options: dict[str, object], pairs: Sequence[RankedPair], images: Path, output: Path) -> None:
    from harness.audit.judges.judge_check import rated
    from harness.results.judge_results import keep, reward_key
    from harness.run.make_aligner import rate_of, trained_reward

    reward = trained_reward(folder, name, options)
    with _progress(f"reward model {folder.name}", pairs) as progress:
        found, blind = rated(rate_of(reward), pairs, images, progress)
    output.mkdir(parents=True, exist_ok=True)
    stays = keep(output, reward_key(reward.digest), found)
    _show(f"reward model {folder.name}", found, blind)
    if stays:
        echo(stays)


def _check_run(name: str, pairs: Sequence[RankedPair], images: Path, output: Path) -> None:
    """Every reward model that the run trained, and every judge that its sweep and its arms name, once each. Ends the command
    with exit code 1, behind all others, where a judge was not reached."""
    from harness.evaluation.scoring import make_annotator
    from harness.results.run_records import config_of
    from harness.run.data import open_data
    from harness.storage.run_store import Store

    with Store(output / "store.sqlite") as store:
        run = store.run(name)
        config = config_of(run)
        judges = [spec.judge for spec in config.sweep] + [arm.align.judge for arm in config.arms]
        wanted = {str(spec): spec for spec in judges if spec is not None}
        if not wanted and not config.reward_models:
            raise ConfigError(f"The run {run.id} names no judge and no reward model.")
        data = open_data(config.data, output, echo) if wanted else None
        reached = [_check_judge(make_annotator(spec, store, data), pairs, images, output) for spec in wanted.values()]
    for model in config.reward_models:
        folder = output / run.id / "reward_models" / model.name
        _rate(folder, config.model.name, config.model.options, pairs, images, output)
    if not all(reached):
        raise typer.Exit(1)


def _show(who: str, found: Fitness, blind: int = 0) -> None:
    for name, share in (*found.groups.items(), ("overall", found.overall), ("macro", found.macro)):
        echo(f"{name:14}{'unknown: no decided pair' if share is None else f'{share:.2%}'}")
    echo(f"The {who}: {found.words()}.")
    if blind:
        from harness.core.edge.text import count

        echo(f"{count(blind, 'pair')} {'was' if blind == 1 else 'were'} judged without the image: the file does not exist.")


def _judge(name: str, changes: list[str], output: Path) -> Annotator:
    """The judge of these options, with its verdicts remembered in the output folder's store."""
    from harness.config import schema
    from harness.evaluation.scoring import make_annotator
    from harness.storage.run_store import Store

    tree = {
        "model": {"name": "transformers", "path": "none"},
        "sweep": [{"name": "mmhal_bench", "judge": {"name": name}}],
    }
    try:
        spec = schema.parse(tree, f"the options of {name}", [f"sweep.0.{change}" for change in changes]).sweep[0]
    except ConfigError as error:
        raise ConfigError(str(error).replace("sweep.0.judge", "judge")) from error
    assert spec.judge is not None
    output.mkdir(parents=True, exist_ok=True)
    return make_annotator(spec.judge, Store(output / "store.sqlite"))
