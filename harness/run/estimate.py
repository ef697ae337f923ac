"""What a study will cost, measured on a few of its own questions, prompts and steps: time, memory, judge requests.

Everything runs in a temporary folder: nothing is stored. Where something is missing nothing is measured: what there is to do is
counted, and everything missing is reported at the end.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from alignment.data.forms.kept_files import files_kept
from alignment.weights.workers import workers
from harness.config.check_paths import path_faults
from harness.config.check_plugins import plugin_faults
from harness.config.option_faults import plugins_of
from harness.config.schema import Arm, RunConfig
from harness.core import registry
from harness.core.digests import value_digest
from harness.core.edge.text import count
from harness.core.errors import ConfigError, DataError, HarnessError, TrainingError
from harness.core.plugins import Data, Model
from harness.core.preference import PreferencePair
from harness.evaluation.scoring import judge_faults
from harness.evaluation.sweep import check_before_asking
from harness.run.checks.adapters import check_layers
from harness.run.checks.earlier_forms import is_begun
from harness.run.checks.models import model_faults
from harness.run.checks.overlap import overlap_notes
from harness.run.checks.report import check_report
from harness.run.checks.sources import Looked, Warnings, indented, known_ahead, looked_at, refused_prompts
from harness.run.checks.unchanged import require_as_begun
from harness.run.data import data_to_look_at
from harness.run.make_aligner import annotator_of, check_divided, ends_not_taught, make_aligner
from harness.run.models import load_model
from harness.run.on_fleet.jobs import fleet_size, jobs_of
from harness.run.on_fleet.together import check_room
from harness.run.sample_questions import Asked, asked_of, question_seconds, timed
from harness.run.training_cost import Counting, amount_of, counted, judge_requests, pair_seconds, steps_of

PROMPTS = 2  # measured of each source: an order of magnitude, for seconds of work


@dataclass(frozen=True, slots=True)
class Cost:
    """One stage: how much there is to do, and how long it takes by what was measured (None: unknown)."""

    stage: str
    amount: str
    seconds: float | None
    judge_requests: int = 0


def estimate(config: RunConfig, say: Callable[[str], None] = lambda text: None) -> Iterator[Cost]:
    """Costs stage by stage, in the order of the run; with a fleet or `jobs`, the measured work divided among them. What the run
    would warn of, as far as it is known before, is said first.

    Raises DataError naming everything that is missing, after the counts: options, paths, packages, keys, files, images; and
    where the run was begun and would be refused, as what it measured has changed. ConfigError in the first of several
    processes, the others have nothing to say.
    """
    if not workers().is_main:
        return
    _require_one_process(config)
    with files_kept(), ExitStack() as opened:
        for cost in _estimate(config, opened, say):
            yield _side_by_side(cost, config)


def _require_one_process(config: RunConfig) -> None:
    """A training that is tried in a folder of this process alone cannot be shared. What could not be divided is named first."""
    if workers().count == 1:
        return
    check_divided(config)
    raise ConfigError(
        f"A dry run measures with one process, and {workers().count} were started. Start it without torchrun or accelerate: "
        "python -m harness run STUDY --dry-run. The times of its trainings are then those of one process."
    )


def _side_by_side(cost: Cost, config: RunConfig) -> Cost:
    """Arms train side by side as far as there are workers; everything else is shared out. Loading is not counted."""
    size = fleet_size(config) if config.fleet is not None else jobs_of(config)
    if config.fleet is None and size == 1:
        return cost
    if cost.stage.startswith("align: "):
        trained = config.arms or config.reward_models
        widest = max(arm.resources.workers if arm.resources and config.fleet else 1 for arm in trained)
        size = max(1, min(size // widest, len(config.arms)))
        words = f"{count(size, 'arm')} at once"
    else:
        words = count(size, "worker") if config.fleet is not None else f"{size:,} processes"
    return replace(cost, amount=f"{cost.amount}; {words}", seconds=cost.seconds / size if cost.seconds is not None else None)


def _estimate(config: RunConfig, opened: ExitStack, say: Callable[[str], None]) -> Iterator[Cost]:
    check_room(config, None, say)
    base, asked, totals, data, missing = _present(config, opened, say)
    columns = 1 + len(config.arms)
    if base is None or data is None or missing:
        yield from _unmeasured(config, asked, totals)
        raise DataError("This study lacks:" + indented(dict.fromkeys(missing)))
    require_as_begun(config, base.checkpoint.digest, data, say)
    for one, seconds in zip(asked, question_seconds(base, asked), strict=True):
        yield _sweep_cost(one, columns, seconds * one.number * columns)
    measured = _Measured({}, {}, {}, [])
    for arm in (*config.reward_models, *config.arms):
        yield from _arm(config, arm, totals[arm.name], base, data, measured)
    if asked_now := sum(measured.asked):
        say(f"this dry run asked the judges of trainings {count(asked_now, 'time')}, about answers that it drew itself")
    if measured.faults:
        raise TrainingError("Arms whose training could not be tried:" + indented(measured.faults))


def peak_memory() -> str:
    """The most that was in use so far: the GPU's where there is one, else this process's."""
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB of the GPU"
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB"


def _present(
    config: RunConfig, opened: ExitStack, say: Callable[[str], None]
) -> tuple[Model | None, list[Asked], dict[str, int], Data | None, list[str]]:
    """The model, what the benchmarks ask, the number of pairs of each arm, the data folder, and all that is missing."""
    checks = (check_report, check_divided)
    missing = plugin_faults(config) or [fault for check in checks for fault in _refused(partial(check, config))]
    missing += [] if missing or is_begun(config) else model_faults(config)
    missing += path_faults(config)
    asked, looked, data, model = list[Asked](), dict[str, Looked](), None, None
    try:
        data = opened.enter_context(data_to_look_at(config.data, Path(config.output).expanduser()))
        asked, looked = asked_of(config, data, missing), looked_at(config, data, missing)
    except HarnessError as error:
        is_known = data is None and any(fault.startswith("data:") for fault in missing)  # the folder itself is missing
        missing += [] if is_known else [str(error)]
    missing += judge_faults(config, data)
    if not any(fault.startswith("model") for fault in missing):
        try:
            model = load_model(config)
            check_before_asking("base", model, say, training=bool(looked))
            for note in ends_not_taught(config, {name: found.pairs for name, found in looked.items()}, model):
                say(f"base: {note}")
        except HarnessError as error:
            missing.append(f"model: {error}")
    if data is not None:
        warn = Warnings(say)
        warn(overlap_notes(looked, asked, data))
        missing += _warned(config, looked, model, data, warn)
    return model, asked, {name: found.number for name, found in looked.items()}, data, missing


def _warned(config: RunConfig, looked: Mapping[str, Looked], model: Model | None, data: Data, warn: Warnings) -> list[str]:
    """What the models cannot take of the sources that were looked at, and images that cannot be read; the rest is warned of."""
    faults = list[str]()
    for arm in (arm for arm in (*config.reward_models, *config.arms) if arm.name in looked):
        faults += refused_prompts(arm, looked[arm.name], model) if model is not None else []
        faults += _refused(partial(check_layers, arm, model))
        try:
            warn(known_ahead(arm, looked[arm.name], model, data))
        except HarnessError as error:
            faults.append(f"pairs of {arm.name}: {error}")
    return faults


def _unmeasured(config: RunConfig, asked: Sequence[Asked], totals: Mapping[str, int]) -> Iterator[Cost]:
    columns = 1 + len(config.arms)
    for one in asked:
        yield _sweep_cost(one, columns, None)
    for stage, amount, judged in counted(config, totals):
        yield Cost(stage, amount, None, judged)


def _sweep_cost(asked: Asked, columns: int, seconds: float | None) -> Cost:
    again = min(asked.spec.judge_repeats or 0, asked.number)
    judged = (asked.number + again) * columns if asked.spec.judge is not None else 0
    return Cost(
        f"sweep: {asked.spec.title}", f"{count(asked.number, 'question')} x {count(columns, 'checkpoint')}", seconds, judged
    )


def _refused(work: Callable[[], object]) -> list[str]:
    try:
        work()
    except HarnessError as error:
        return [str(error)]
    return []


@dataclass(frozen=True, slots=True)
class _Measured:
    """What arms have in common is measured once. `pairs`: a source -> its first pairs and the seconds of a prompt; `steps`: an
    alignment -> the seconds of a step's pair; `first`: a source and who answers it -> the arm that makes these pairs first,
    whose answers the others find in the store; `faults`: of arms whose training was refused; `asked`: how often a judge was."""

    pairs: dict[str, tuple[list[PreferencePair], float]]
    steps: dict[str, float]
    first: dict[str, str]
    faults: list[str]
    asked: list[int] = field(default_factory=list)


def _arm(config: RunConfig, arm: Arm, total: int, base: Model, data: Data, measured: _Measured) -> Iterator[Cost]:
    few = min(PROMPTS, total)
    options = {**arm.pairs.options, "limit": few}
    alike = value_digest([arm.pairs.name, options])
    if alike not in measured.pairs:
        source, pairs = registry.make("source", arm.pairs.name, options), list[PreferencePair]()
        seconds = timed(lambda: pairs.extend(source.pairs(data, base, config.seed_of(arm))))
        measured.pairs[alike] = pairs, seconds / few
    pairs, seconds = measured.pairs[alike]
    amount = f"{count(total, 'prompt')} ({arm.pairs.name})"
    asked = value_digest([arm.pairs.name, arm.pairs.options, config.seed_of(arm), arm.after])
    first = arm.name if _is_not_kept(arm) else measured.first.setdefault(asked, arm.name)
    if first == arm.name:
        yield Cost(f"pairs: {arm.name}", amount, seconds * total)
    else:
        yield Cost(f"pairs: {arm.name}", f"{amount}, shared with {first}", 0.0)
    if pairs and arm.align.reward is None:
        try:
            yield _training(config, arm, pairs, total, data, measured)
        except TrainingError as error:
            measured.faults.append(f"arm {arm.name}, with {len(pairs):,} of its pairs: {error}")
            yield Cost(f"align: {arm.name}", f"{arm.align.name}: could not be tried, see below", None)
    else:
        why = "cannot be measured before its reward model is trained" if pairs else "no pair came of the sample"
        yield Cost(f"align: {arm.name}", f"{arm.align.name}: {why}", None)


def _is_not_kept(arm: Arm) -> bool:
    """Whether what an arm's source asks is not in the store: likeliest tokens along given answers."""
    sources = [spec["name"] for kind, _, spec in plugins_of({"arms": [arm.model_dump()]}) if kind == "source"]
    return "povid_noise" in sources


def _training(
    config: RunConfig, arm: Arm, pairs: Sequence[PreferencePair], total: int, data: Data, measured: _Measured
) -> Cost:
    """A few steps of two pairs each; the time of a step grows with its pairs."""
    found = annotator_of(arm.align, data)
    judge = None if found is None else Counting(found)
    aligner = make_aligner(arm.align, arm.align.options, judge)
    steps, batch = steps_of(aligner, total)
    alike = value_digest(arm.align.model_dump())
    if alike not in measured.steps:
        measured.steps[alike] = pair_seconds(config, arm, pairs, judge, data)
    if judge is not None:
        measured.asked.append(judge.asked)
    asked = judge_requests(aligner, total, pairs) if judge is not None else 0
    seconds = measured.steps[alike] * batch * steps
    return Cost(f"align: {arm.name}", amount_of(aligner, total, arm.align.name), seconds, asked)
