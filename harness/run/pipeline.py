"""The main job: base -> sweep -> (pairs -> training -> checkpoint -> sweep) per arm -> report.

The only package that imports all others. Every stage leaves a whole result or none, in the run's folder or the store, and
is skipped when its result is there; a run that was killed anywhere and is started again ends in the same report.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from alignment.batching.policy import Policy
from alignment.data.pairs import read_pairs, write_pairs, write_trl
from alignment.online.reward_model import ModelReward
from alignment.quality.text_probe import giveaways
from alignment.weights.workers import workers
from harness.config.check_plugins import check_plugins
from harness.config.schema import Arm, BenchmarkConfig, RunConfig
from harness.core import registry
from harness.core.capabilities import HoldsOutPairs
from harness.core.digests import value_digest
from harness.core.edge.versions import versions
from harness.core.errors import ConfigError, TrainingError
from harness.core.files import write_text_whole
from harness.core.plugins import Aligner, Data, Model, Progress, Trained, no_progress
from harness.core.preference import PreferencePair
from harness.evaluation.cached_model import RememberingModel
from harness.evaluation.checkpoint_checks import require_sound
from harness.evaluation.sweep import sweep
from harness.results.report_files import Outcome, report
from harness.results.run_state import how_it_stopped
from harness.run.check_gates import check_gates
from harness.run.check_sources import check_places, check_sources, pairs_record, rebuilt_pairs
from harness.run.data import open_data
from harness.run.make_aligner import make_aligner
from harness.run.models import crew_of, load_model, trainable_model
from harness.run.shared_prompts import prompts_of, shared_prompts
from harness.storage.artifacts import Pairs, RewardAccuracy, SharedPrompts, Timings, TrainingLog
from harness.storage.run_folder import locked, read_json
from harness.storage.run_store import Store, StoredRun

if TYPE_CHECKING:
    from harness.fleet.crew import Crew

Say = Callable[[str], None]


def run(config: RunConfig, command: str, progress: Progress = no_progress, say: Say = lambda text: None) -> Outcome | None:
    """Do, or finish, one run. Of several processes that train together the first does all but training alone.

    Args:
        command: what the user typed, for "how to reproduce" and "how to resume".
        progress, say: how to show what is going on; silent by default.
    Returns None in the processes that only helped to train.
    Raises HarnessError for everything the user can fix; what is stored stays stored.
    """
    check_plugins(config)
    check_gates(config)
    with crew_of(config.fleet if workers().is_main else None, say) as crew:
        return run_on(crew, config, command, progress, say)


def run_on(crew: Crew | None, config: RunConfig, command: str, progress: Progress, say: Say) -> Outcome | None:
    """The same with a fleet that is there already, or with None in this process. The configuration was checked."""
    output = Path(config.output).expanduser()
    with workers().first_alone():
        data = open_data(config.data, output, say)
    say(f"loading the model {config.model.options.get('path', config.model.name)}")
    base = load_model(config, None, crew)
    run_id = f"{config.name}-{value_digest([config.digest, base.checkpoint.digest])[:8]}"
    folder = output / run_id
    if not workers().is_main:
        with Store(output / "store.sqlite") as store:
            _Stages(config, run_id, folder, data, store, no_progress, lambda text: None).follow()
        return None
    with locked(folder), Store(output / "store.sqlite") as store:
        check_places(folder)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        where = str(data.folder.resolve())
        store.begin(StoredRun(run_id, config.name, now, "running", config.as_yaml(), command, versions(), where))
        write_text_whole(folder / "run.yaml", config.as_yaml())
        say(f"run {run_id} in {folder}")
        try:
            stages = _Stages(config, run_id, folder, data, store, progress, say, crew)
            stages.all(base)
            stages.dismiss()
        except BaseException as error:
            store.set_status(run_id, how_it_stopped(error))
            raise
        store.set_status(run_id, store.how_complete(run_id))
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
        crew: Crew | None = None,
    ) -> None:
        self.config, self.run_id, self.folder, self.crew = config, run_id, folder, crew
        self.data, self.store, self.progress, self.say = data, store, progress, say
        self.done = {(r.label, r.benchmark) for r in store.results(run_id) if r.is_whole}

    def all(self, base: Model) -> None:
        check_sources(self.config, lambda arm: self._aligned(arm) or (self._arm(arm) / "pairs.jsonl").is_file(), self.data)
        for arm in self.config.reward_models:
            if not self._aligned(arm):
                self._align(arm, self._pairs(arm, base))
        self._rate_reward_models()
        if left := self._left("base", 0):
            self._sweep("base", base, left)
        for place, arm in enumerate(self.config.arms, start=1):
            if not self._aligned(arm):
                pairs = self._pairs(arm, base if arm.after is None else self._checkpoint(self._named(arm.after), self.crew))
                self._align(arm, pairs)
            if left := self._left(arm.name, place):
                self._sweep(arm.name, self._checkpoint(arm, self.crew), left)
            gc.collect()
        if self.store.get(SharedPrompts, self.run_id) is None:  # else this run was finished before
            made = {a.name: path for a in self.config.arms if (path := self._arm(a) / "pairs.jsonl").is_file()}
            prompts = {name: prompts_of(read_pairs(path)) for name, path in made.items()}
            self.store.put(self.run_id, SharedPrompts(shared_prompts(self.config, prompts)))

    def follow(self) -> None:
        """What the other processes do: train when the first one does."""
        arms = {arm.name: arm for arm in (*self.config.reward_models, *self.config.arms)}
        while (name := workers().gather(None)[0]) is not None:
            self._train(arms[name], read_pairs(self._arm(arms[name]) / "pairs.jsonl"))

    def dismiss(self) -> None:
        """Tell the others that there is nothing left to train."""
        workers().gather(None)

    def _arm(self, arm: Arm) -> Path:
        return self.folder / ("reward_models" if arm in self.config.reward_models else "arms") / arm.name

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
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

    def _pairs(self, arm: Arm, base: Model) -> list[PreferencePair]:
        """Build the arm's pairs, or read those that are there."""
        path = self._arm(arm) / "pairs.jsonl"
        if not path.is_file():
            self.say(f"preference pairs of {arm.name} ({arm.pairs.name})")
            with self._timed(f"pairs {arm.name}"):
                source = registry.make("source", arm.pairs.name, arm.pairs.options)
                asking = RememberingModel(base, self.store, self.progress, f"{arm.name}: pairs")
                pairs = list(source.pairs(self.data, asking, self.config.seed_of(arm)))
                if not pairs:
                    raise ConfigError(f"The source {arm.pairs.name} of arm {arm.name} made no pairs: {source.report()}.")
                write_trl(path.with_name("pairs.trl.jsonl"), pairs)  # trains in TRL as it is, from the data folder
                write_pairs(path, pairs)
                self.store.put(self.run_id, pairs_record(source.report(), pairs), arm.name)
        pairs = read_pairs(path)
        if self.store.get(Pairs, self.run_id, arm.name) is None:  # the store was lost; the folder was kept
            self.store.put(self.run_id, rebuilt_pairs(pairs), arm.name)
        self.say(f"{len(pairs)} pairs in {path}")
        for warning in giveaways(pairs):
            self.say(f"WARNING: {warning}")
        return pairs

    def _align(self, arm: Arm, pairs: Sequence[PreferencePair]) -> None:
        """Train, or go on training, and keep the path of the checkpoint."""
        self.say(f"alignment of {arm.name} ({arm.align.name}) on {len(pairs)} pairs")
        with self._timed(f"align {arm.name}"):
            workers().gather(arm.name)
            done = self._train(arm, pairs)
        self.store.put(self.run_id, TrainingLog(tuple(done.log), (*done.notes, *giveaways(pairs))), arm.name)
        where = str(Path(done.folder).resolve().relative_to(self.folder.resolve()))
        write_text_whole(self._arm(arm) / "alignment.json", f'{{"folder": "{where}", "step": {done.step}}}\n')

    def _train(self, arm: Arm, pairs: Sequence[PreferencePair]) -> Trained:
        """The part of an alignment that all processes do together."""
        aligner = self._aligner(arm)
        policy = trainable_model(self.config, None if arm.after is None else self._ended_in(self._named(arm.after)), self.crew)
        folder, cache = self._arm(arm) / "train", self.folder.parent / ".cache"
        require_sound(arm.name, policy, self.say, training=True)
        return aligner.align(policy, pairs, self.data.folder, folder, progress=self.progress, cache=cache)

    def _aligner(self, arm: Arm) -> Aligner:
        """The arm's aligner, with the judge or the reward that it needs."""
        named = {model.name: model for model in self.config.reward_models}
        reward = self._reward(named[arm.align.reward]) if arm.align.reward is not None else None
        return make_aligner(arm.align, {"seed": self.config.seed_of(arm), **arm.align.options}, self.data, self.store, reward)

    def _reward(self, arm: Arm) -> ModelReward:
        """A reward model that was trained. Raises TrainingError where the model's backend cannot be trained."""
        model = self._checkpoint(arm)
        if not isinstance(model, Policy):
            raise TrainingError(f"The reward model {arm.name} is served by {self.config.model.name}, which only answers.")
        return ModelReward(model, arm.name)

    def _named(self, name: str) -> Arm:
        return next(arm for arm in self.config.arms if arm.name == name)

    def _ended_in(self, arm: Arm) -> str:
        return str(self.folder / read_json(self._arm(arm) / "alignment.json")["folder"])

    def _checkpoint(self, arm: Arm, crew: Crew | None = None) -> Model:
        """The model that an arm ended in."""
        return load_model(self.config, self._ended_in(arm), crew)

    def _rate_reward_models(self) -> None:
        """Accuracy of each reward model on each one's held-out pairs: the study's table 7."""
        models = self.config.reward_models
        if not models or self.store.get(RewardAccuracy, self.run_id):
            return
        made = {m.name: (self._aligner(m), read_pairs(self._arm(m) / "pairs.jsonl")) for m in models}
        tested = {name: a.tested_on(pairs) if isinstance(a, HoldsOutPairs) else [] for name, (a, pairs) in made.items()}
        with self._timed("reward models"):
            found: dict[str, dict[str, float | None]] = {}
            for model in models:
                reward = self._reward(model)
                found[model.name] = {name: reward.accuracy(pairs, self.data.folder) for name, pairs in tested.items()}
        comparisons = {name: sum(len(pair.rejected) for pair in pairs) for name, pairs in tested.items()}
        self.store.put(self.run_id, RewardAccuracy(found, comparisons))
