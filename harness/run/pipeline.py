"""The main job: base -> sweep -> (pairs -> training -> checkpoint -> sweep) per arm -> report.

The only package that imports `alignment`. Every stage leaves a whole result or none, in the run's folder or the store, and is
skipped when its result is there; a run that was killed anywhere and is started again ends in the same report.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from alignment.data.forms.kept_files import drop_kept, files_kept
from alignment.data.yield_report import left_out
from alignment.training.dropped_pairs import training_lines
from alignment.weights.workers import collective, is_lost, workers
from harness.config.schema import Arm, BenchmarkConfig, RunConfig
from harness.core.digests import file_digest
from harness.core.errors import ConfigError, LostProcess, StoreError
from harness.core.files import write_text_whole
from harness.core.plugins import Data, Model, Progress, no_progress
from harness.evaluation.sweep import sweep
from harness.models._own_server.shared_servers import kept_servers
from harness.results.report_files import Outcome, report
from harness.results.run_state import begin, finish, how_it_stopped
from harness.run.arm_pairs import make_pairs
from harness.run.checks.earlier_forms import run_of
from harness.run.checks.plugin_files import keep_plugin_files
from harness.run.checks.run_files import require_own_files, require_same_checkpoint
from harness.run.checks.sources import Warnings, asks_own_server, check_places, check_sources, pairs_record
from harness.run.checks.study import check_studies
from harness.run.checks.unchanged import require_unchanged
from harness.run.data import base_and_data
from harness.run.make_aligner import code_of, rated_by
from harness.run.models import Shown, load_model, worker_pool_of
from harness.run.on_fleet.arm_training import ArmTraining
from harness.run.on_fleet.jobs import workers_setting
from harness.run.on_fleet.together import Together, check_room
from harness.run.shared_prompts import keep_shared_prompts
from harness.storage.artifacts import Pairs, RewardAccuracy, Timings, TrainingLog
from harness.storage.run_folder import locked
from harness.storage.run_store import Store

if TYPE_CHECKING:
    from harness.fleet.status import Show
    from harness.fleet.worker_pool import WorkerPool

Say = Callable[[str], None]


@kept_servers()
def run(
    config: RunConfig,
    command: str,
    progress: Progress = no_progress,
    say: Say = lambda text: None,
    show: Show = lambda status: None,
) -> Outcome | None:
    """Do, or finish, one run. Of several processes that train together the first does all but training alone.

    Args:
        command: what the user typed, for "how to reproduce" and "how to resume".
        progress, say, show: how to show what is going on, `show` on a fleet; silent by default.
    Returns None in the processes that only helped to train.
    Raises HarnessError for everything the user can fix; what is stored stays stored.
    """
    with files_kept():
        check_studies([config])
        with worker_pool_of(workers_setting(config), say, Shown(Path(config.output), show)) as pool:
            check_room(config, pool, say)
            return run_on(pool, config, command, progress, say)


@collective()
def run_on(pool: WorkerPool | None, config: RunConfig, command: str, progress: Progress, say: Say) -> Outcome | None:
    """The same with a fleet that is there already, or with None in this process. The configuration was checked."""
    output = Path(config.output).expanduser()
    base, data = base_and_data(config, partial(load_model, config, None, pool), output, say)
    config, run_id = run_of(config, base.checkpoint.digest, output, say)
    folder = output / run_id
    if len(set(workers().gather(run_id))) > 1:
        raise ConfigError("The processes have different studies, data or models; give all the same command and the same files.")
    if not workers().is_main:
        with Store(output / "store.sqlite") as store:
            _Stages(config, run_id, folder, data, store, no_progress, lambda text: None).follow()
        return None
    with locked(folder), Store(output / "store.sqlite") as store:
        check_places(folder)
        require_unchanged(config, folder, data, store, say)
        stages = _Stages(config, run_id, folder, data, store, progress, say, pool)
        require_own_files(config, folder, store, stages.done, stages.training.digest_of, say)
        begin(store, run_id, config, command, data.folder)
        keep_plugin_files(config, folder, store)
        write_text_whole(folder / "run.yaml", config.as_yaml())
        say(f"run {run_id} in {folder}")
        try:
            stages.all(base)
            stages.dismiss()
        except BaseException as error:
            with suppress(StoreError):  # a full disk: what happened first is what the user has to know
                store.set_status(run_id, how_it_stopped(LostProcess() if is_lost(error) else error))
            raise
        finish(store, run_id)
        return report(store, run_id, folder, config.baseline)


class _Stages:
    """The stages of one run, each skipped when its result is there."""

    def __init__(
        self,
        config: RunConfig,
        run_id: str,
        folder: Path,
        data: Data,
        store: Store,
        progress: Progress,
        say: Say,
        pool: WorkerPool | None = None,
    ) -> None:
        self.config, self.run_id, self.folder, self.pool = config, run_id, folder, pool
        self.data, self.store, self.progress, self.say = data, store, progress, say
        self.done = {(r.label, r.benchmark) for r in store.results(run_id) if r.is_whole}
        self.training = ArmTraining(config, folder, data, store, progress, say, pool)
        self._timing, self.warn = threading.Lock(), Warnings(say)

    def all(self, base: Model) -> None:
        self.warn(
            check_sources(self.config, lambda a: self._aligned(a) or (self._arm(a) / "pairs.jsonl").is_file(), self.data, base)
        )
        drop_kept()  # the rows of a large file are memory that a sweep or a training can use
        together = Together(self.config, self.pool)
        together.each(self.config.reward_models, partial(self._pairs_of, base))
        self._align_each(together, self.config.reward_models, base)
        if not together.failed:
            self._rate_reward_models()
        together.first(partial(self._sweep_base, base))
        first = [arm for arm in self.config.arms if self.pool is None and arm.after is None and asks_own_server(arm)]
        together.each(first, partial(self._pairs_of, base))  # by one server, which a training would end
        for arms in together.groups():
            together.each([arm for arm in arms if arm not in first], partial(self._pairs_of, base))
            self._align_each(together, arms, base)
            together.each(arms, self._sweep_arm)
            gc.collect()
        made = {arm.name: self._arm(arm) / "pairs.jsonl" for arm in self.config.arms}
        keep_shared_prompts(self.store, self.run_id, self.config, made)
        together.raise_failed()

    def _pairs_of(self, base: Model, arm: Arm) -> None:
        """Build an arm's pairs, where it is still to be trained."""
        if not self._aligned(arm):
            after = self.training.begins_with(arm)
            self._pairs(arm, base if after is None else load_model(self.config, after, self.pool))

    def _align_each(self, together: Together, arms: Sequence[Arm], base: Model) -> None:
        """Train what is not trained: side by side on the fleet, then one after the other in this process."""
        left = [arm for arm in together.alive(arms) if not self._aligned(arm)]
        if left and self.pool is not None:
            self.pool.stop_workers()  # its GPUs are for training now
        together.each([arm for arm in left if self.training.goes_to_fleet(arm)], partial(self._align, base))
        for arm in [arm for arm in left if not self.training.goes_to_fleet(arm)]:
            together.each([arm], partial(self._align, base))

    def _sweep_base(self, base: Model) -> None:
        if left := self._left("base", 0):
            self._sweep("base", base, left)

    def _sweep_arm(self, arm: Arm) -> None:
        if left := self._left(arm.name, 1 + self.config.arms.index(arm)):
            model = load_model(self.config, self.training.ended_in(arm), self.pool)
            require_same_checkpoint(self.folder, arm.name, self.training.digests(arm.name), model.checkpoint.digest)
            self._sweep(arm.name, model, left)

    def follow(self) -> None:
        """What the other processes do: train when the first one does."""
        drop_kept()
        arms = {arm.name: arm for arm in (*self.config.reward_models, *self.config.arms)}
        while (name := workers().gather(None)[0]) is not None:
            self.training.train(arms[name], self.training.pairs(arms[name]))

    def dismiss(self) -> None:
        """Tell the others that there is nothing left to train."""
        workers().gather(None)

    def _arm(self, arm: Arm) -> Path:
        return self.training.place(arm)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        with self._timing:
            before = (self.store.get(Timings, self.run_id) or Timings()).seconds
            seconds = round(before.get(stage, 0.0) + time.perf_counter() - started, 2)
            self.store.put(self.run_id, Timings({**before, stage: seconds}))

    def _left(self, label: str, place: int) -> dict[int, BenchmarkConfig]:
        """What is still to be swept: place of the result in the run -> benchmark."""
        first = place * len(self.config.sweep)
        return {n: spec for n, spec in enumerate(self.config.sweep, first) if (label, spec.title) not in self.done}

    def _aligned(self, arm: Arm) -> bool:
        """Trained, and its log is in the store; a log that was lost with another store is read from the training's folder."""
        return (self._arm(arm) / "alignment.json").is_file() and self.store.get(TrainingLog, self.run_id, arm.name) is not None

    def _sweep(self, label: str, model: Model, left: dict[int, BenchmarkConfig]) -> None:
        self.say(f"sweep of {label}")
        with self._timed(f"sweep {label}"):
            sweep(label, model, left, self.data, self.store, self.run_id, self.progress, self.say)

    def _pairs(self, arm: Arm, base: Model) -> None:
        """Build the arm's pairs, or read those that are there."""
        path = self._arm(arm) / "pairs.jsonl"
        if not path.is_file():
            self.say(f"preference pairs of {arm.name} ({arm.pairs.name})")
            with self._timed(f"pairs {arm.name}"):
                told = (self.progress, self.say)
                make_pairs(self.config, arm, base, self.data, self.store, self.run_id, path, *told)
        pairs = self.training.pairs(arm)
        if (record := self.store.get(Pairs, self.run_id, arm.name)) is None:  # the store was lost; the folder was kept
            self.store.put(self.run_id, record := pairs_record(pairs, file=file_digest(path)), arm.name)
        self.say(f"{len(pairs)} pairs in {path}{left_out(record.report)}")
        self.warn(self.training.notes(arm, base, pairs))

    def _align(self, base: Model, arm: Arm) -> None:
        """Train, or go on training, and keep the path of the checkpoint."""
        pairs = self.training.pairs(arm)
        self.say(f"alignment of {arm.name} ({arm.align.name}) on {len(pairs)} pairs")
        with self._timed(f"align {arm.name}"):
            if self.pool is not None and self.training.goes_to_fleet(arm):
                done = self.training.train_on_fleet(self.pool, arm, base)
            else:
                workers().gather(arm.name)
                done = self.training.train(arm, pairs)
        digest = self.training.require_same(arm, done.folder)
        for line in training_lines(done):
            self.say(f"{arm.name}: {line}")
        notes = (*done.notes, *self.training.notes(arm, base, pairs))
        facts = rated_by(done.folder), digest, code_of(done.folder)
        self.store.put(self.run_id, TrainingLog(tuple(done.log), notes, *facts), arm.name)
        where = str(done.folder.resolve().relative_to(self.folder.resolve()))
        write_text_whole(self._arm(arm) / "alignment.json", f'{{"folder": "{where}", "step": {done.step}}}\n')

    def _rate_reward_models(self) -> None:
        """Accuracy of each reward model on each one's held-out pairs: the study's table 7."""
        if not (models := self.config.reward_models) or self.store.get(RewardAccuracy, self.run_id):
            return
        with self._timed("reward models"):
            self.store.put(self.run_id, self.training.accuracies(models))
