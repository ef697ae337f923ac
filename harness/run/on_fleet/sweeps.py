"""Sweeps of several checkpoints in one command: each the run that it would be alone, on the workers of one fleet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.schema import RunConfig
from harness.core.errors import ConfigError, HarnessError
from harness.core.plugins import Progress, no_progress
from harness.evaluation.side_by_side import side_by_side
from harness.results.report_files import Outcome
from harness.run import pipeline
from harness.run.checks.study import check_studies
from harness.run.models import Shown, worker_pool_of
from harness.run.on_fleet.jobs import workers_setting

if TYPE_CHECKING:
    from harness.fleet.status import Show
    from harness.fleet.worker_pool import WorkerPool


def sweep_all(
    configs: Sequence[RunConfig],
    command: str,
    progress: Progress = no_progress,
    say: pipeline.Say = lambda text: None,
    show: Show = lambda status: None,
) -> list[Outcome]:
    """The finished runs, in order. With a fleet they are under way together; without one, one after the other.

    A checkpoint that cannot be swept does not stop the others. Raises HarnessError naming all that were not, at the end.
    """
    check_studies(configs)
    names = distinct_names([str(config.model.options.get("path", config.name)) for config in configs])
    with worker_pool_of(workers_setting(configs[0]), say, Shown(Path(configs[0].output), show)) as pool:
        tasks = [partial(_one, pool, config, command, names[n], progress, say) for n, config in enumerate(configs)]
        found, errors = side_by_side(tasks, pool.size + 1 if pool is not None else 1)
    failed = {name: error for name, error in zip(names, errors, strict=True) if error is not None}
    if other := next((error for error in failed.values() if not isinstance(error, HarnessError)), None):
        raise other
    if failed:
        words = "\n  ".join(f"{name}: {error}" for name, error in failed.items())
        raise HarnessError(f"{len(failed)} of {len(configs)} checkpoints could not be swept; the others are done:\n  {words}")
    return [outcome for outcome in found if outcome is not None]


def _one(
    pool: WorkerPool | None, config: RunConfig, command: str, name: str, progress: Progress, say: pipeline.Say
) -> Outcome | None:
    def named(what: str, done: int, total: int) -> None:
        progress(f"{name}, {what}", done, total)

    try:
        return pipeline.run_on(pool, config, command, named, lambda text: say(f"{name}: {text}"))
    finally:
        if pool is not None:
            pool.release()


def distinct_names(paths: Sequence[str]) -> list[str]:
    """The shortest ends of paths that tell them apart, such as arms/dpo/train/checkpoint without what all share.

    Raises ConfigError where a path is given twice.
    """
    if twice := [path for path, n in Counter(str(Path(p).expanduser()) for p in paths).items() if n > 1]:
        raise ConfigError(f"--model {twice[0]} is given twice. Give each checkpoint once.")
    parts = [Path(path).expanduser().parts for path in paths]
    while len(parts[0]) > 1 and all(len(own) > 1 and own[-1] == parts[0][-1] for own in parts) and len(parts) > 1:
        parts = [own[:-1] for own in parts]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-depth:]) for own in parts]
        if len(set(names)) == len(names):
            return names
    return list(paths)
