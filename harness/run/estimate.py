"""What a study will cost, measured on a few of its own questions, prompts and steps: time, memory, judge requests.

Everything runs in a temporary folder: nothing is stored, and what is missing is told all at once.
"""

from __future__ import annotations

import itertools
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.config.check_plugins import check_plugins
from harness.config.schema import Arm, BenchmarkConfig, RunConfig
from harness.core import registry
from harness.core.capabilities import TellsLogOdds, WantsLogOdds
from harness.core.errors import DataError, HarnessError, ModelError
from harness.core.evaluation import Request
from harness.core.plugins import Data, Model
from harness.core.preference import PreferencePair
from harness.evaluation.scoring import unjudged
from harness.evaluation.sweep import items_of, requests_of
from harness.run.check_sources import number_of_pairs
from harness.run.data import open_data
from harness.run.make_aligner import make_aligner
from harness.run.pipeline import load_model

QUESTIONS, PROMPTS, STEPS = 48, 8, 2  # measured of each


@dataclass(frozen=True, slots=True)
class Cost:
    """One stage: how much there is to do, and how long it takes by what was measured (None: unknown)."""

    stage: str
    amount: str
    seconds: float | None
    judge_requests: int = 0


def estimate(config: RunConfig) -> Iterator[Cost]:
    """Costs stage by stage, in the order of the run. Raises DataError naming everything that is missing."""
    check_plugins(config)
    data = open_data(config.data, Path(config.output).expanduser())
    asked = _asked(config, data)
    base = load_model(config)
    columns = 1 + len(config.arms)
    for spec, requests, log_odds in asked:
        sample = requests[:QUESTIONS]
        seconds = _timed(partial(_ask, base, sample, log_odds)) / len(sample) * len(requests) * columns
        judged = len(requests) * columns if spec.judge is not None else 0
        yield Cost(f"sweep: {spec.title}", f"{len(requests):,} questions x {columns} checkpoints", seconds, judged)
    for arm in (*config.reward_models, *config.arms):
        yield from _arm(config, arm, base, data)


def peak_memory() -> str:
    """The most that was in use so far: the GPU's where there is one, else this process's."""
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB of the GPU"
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB"


def _asked(config: RunConfig, data: Data) -> list[tuple[BenchmarkConfig, list[Request], bool]]:
    """Every benchmark's requests, and whether it asks for log-odds of yes; all missing files in one error."""
    found, missing = [], []
    for spec in config.sweep:
        try:
            benchmark = unjudged(spec)
            requests = requests_of(spec.name, benchmark, items_of(spec, benchmark, data), data)
            found.append((spec, requests, isinstance(benchmark, WantsLogOdds) and benchmark.log_odds))
        except HarnessError as error:
            missing.append(f"{spec.title}: {error}")
    for arm in (*config.reward_models, *config.arms):
        try:
            number_of_pairs(config, arm, data)
        except HarnessError as error:
            missing.append(f"pairs of {arm.name}: {error}")
    if missing:
        raise DataError("This study lacks:\n  " + "\n  ".join(dict.fromkeys(missing)))
    return found


def _arm(config: RunConfig, arm: Arm, base: Model, data: Data) -> Iterator[Cost]:
    seed, total = arm.seed if arm.seed is not None else config.seed, number_of_pairs(config, arm, data)
    source = registry.make("source", arm.pairs.name, {**arm.pairs.options, "limit": min(PROMPTS, total)})
    pairs = list[PreferencePair]()
    seconds = _timed(lambda: pairs.extend(source.pairs(data, base, seed)))
    yield Cost(f"pairs: {arm.name}", f"{total:,} prompts ({arm.pairs.name})", seconds * total / min(PROMPTS, total))
    if pairs and arm.align.reward is None:
        yield _training(config, arm, pairs, total, data)
    else:
        why = "cannot be measured before its reward model is trained" if pairs else "no pair came of the sample"
        yield Cost(f"align: {arm.name}", f"{arm.align.name}: {why}", None)


def _training(config: RunConfig, arm: Arm, pairs: Sequence[PreferencePair], total: int, data: Data) -> Cost:
    """Two steps on the few pairs there are, each as large as the real ones."""
    aligner = make_aligner(arm.align, arm.align.options, data)
    settings = aligner.settings
    batch = settings.batch_size
    aligner.settings = replace(settings, max_steps=STEPS)
    wanted = range(batch * STEPS)
    many = [replace(p, id=f"{p.id}/{i}") for i, p in zip(wanted, itertools.cycle(pairs), strict=False)]
    with tempfile.TemporaryDirectory() as folder:
        done = aligner.align(load_model(config), many, data.folder, Path(folder))
    steps = settings.steps(total)
    seconds = float(done.log[-1]["time/step_s"]) * steps
    return Cost(f"align: {arm.name}", f"{steps:,} steps of {batch} pairs ({arm.align.name})", seconds)


def _ask(model: Model, requests: Sequence[Request], log_odds: bool) -> None:
    answers = [answer for batch in model.generate(requests) for _, answer in batch]
    if log_odds and isinstance(model, TellsLogOdds) and any(answer.yes_nats is None for answer in answers):
        with suppress(ModelError):  # a model that cannot tell costs nothing more
            model.yes_no_log_odds(requests)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
