"""The training of one arm: in this process, or by processes on a fleet, which read what it needs from the run's folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignment.batching.policy import Policy
from alignment.data.pairs import read_pairs
from alignment.online.reward_model import ModelReward, trained_on_by_none
from alignment.training.dropped_pairs import CountsDropped
from alignment.weights.workers import workers
from harness.config.fleet_form import ALONE
from harness.config.schema import Arm, RunConfig
from harness.core.capabilities import HoldsOutPairs
from harness.core.digests import round_seed
from harness.core.edge.launch import is_alone, is_first
from harness.core.edge.text import count
from harness.core.errors import HarnessError, LostProcess, ModelError, TrainingError
from harness.core.files import write_text_whole
from harness.core.plugin_forms.contract import require_trained
from harness.core.plugins import Aligner, Annotator, Data, Model, Progress, Trained, no_progress
from harness.core.preference import PreferencePair
from harness.evaluation.checkpoint_checks import require_sound
from harness.models._own_server.shared_servers import end_idle_servers
from harness.run.arm_costs import annotated
from harness.run.checks.pair_notes import notes_of_run
from harness.run.checks.run_files import Digests, digests_of, measured_as, require_own_pairs, require_same_checkpoint
from harness.run.data import open_data
from harness.run.make_aligner import annotator_of, make_aligner
from harness.run.models import digest_of, load_model, trainable_model
from harness.run.on_fleet.left_by_training import FAULT, RESULT, STARTS, fault_in, lost_in, note_start, result_in
from harness.run.shared_prompts import equal_to_before
from harness.startup import start
from harness.storage.artifacts import RewardAccuracy
from harness.storage.run_folder import read_json
from harness.storage.run_store import Store

if TYPE_CHECKING:
    from harness.fleet.worker_pool import WorkerPool


@dataclass(frozen=True)
class ArmTraining:
    """What the trainings of a run share; `store`, where a judge remembers its verdicts, is None on a fleet's hosts."""

    config: RunConfig
    folder: Path
    data: Data
    store: Store | None
    progress: Progress
    say: Callable[[str], None]
    pool: WorkerPool | None = None
    known: Mapping[str, Digests] = field(default_factory=dict)  # see `digests`, for a fleet's hosts

    @property
    def _cache(self) -> Path:
        return self.folder.parent / ".cache"

    def place(self, arm: Arm) -> Path:
        """The folder of an arm."""
        return self.folder / self.config.place_of(arm)

    def pairs(self, arm: Arm) -> list[PreferencePair]:
        """The pairs of an arm. Raises DataError where they are not those that the store describes."""
        path = self.place(arm) / "pairs.jsonl"
        if self.store is not None:
            require_own_pairs(self.store, self.folder.name, arm.name, path)
        return read_pairs(path)

    def notes(self, arm: Arm, base: Model, pairs: Sequence[PreferencePair]) -> tuple[str, ...]:
        """What a report says of the pairs of an arm."""
        before = next((one for one in self.config.arms if one.name == arm.after), None)
        repeated = equal_to_before(arm, pairs, before, self.place(before) / "pairs.jsonl") if before is not None else ()
        return (*notes_of_run(arm, base, pairs), *repeated)

    def train(self, arm: Arm, pairs: Sequence[PreferencePair]) -> Trained:
        """In this process, and in those it was started with."""
        judge = annotator_of(arm.align, self.data, self.store)
        with annotated(self.store, self.folder.name, arm.name, judge, self.say):
            aligner = self.aligner(arm, judge)
            policy = self._opened(arm.after or "base", self.begins_with(arm))
            require_sound(arm.name, policy, self.say, training=True)
            place = self.place(arm) / "train"
            reference = None if arm.reference in (None, arm.after or "base") else self.reference(arm.reference)
            done = aligner.align(
                policy, pairs, self.data.folder, place, progress=self.progress, cache=self._cache, reference=reference
            )
            require_trained(arm.align.name, done)
            return done

    def reference(self, name: str) -> Model:
        """The checkpoint of that name, where it is another one than the one that is trained."""
        path = None if name == "base" else self.ended_in(next(arm for arm in self.config.arms if arm.name == name))
        return self._opened(name, path)

    def _opened(self, name: str, path: str | None) -> Model:
        """A checkpoint to train, or beside it. Raises DataError where its files are not those that the run has results of."""
        model = trainable_model(self.config, path, self.pool)
        require_same_checkpoint(self.folder, name, self.digests(name), model.checkpoint.digest)
        return model

    def digests(self, name: str) -> Digests:
        """Which checkpoint the run measured under a label, or trained for it."""
        return self.known.get(name, {}) if self.store is None else digests_of(self.store, self.folder.name, name)

    def require_same(self, arm: Arm, folder: Path) -> str:
        """The digest of what an arm's training has made. Raises DataError where the run has results of another checkpoint; on
        a fleet, whose GPUs may still be training, only once it is loaded to be swept: "" here."""
        if self.store is None or self.config.fleet is not None:
            return ""
        digest = self._digest_in(str(folder))
        require_same_checkpoint(self.folder, arm.name, measured_as(self.store, self.folder.name, arm.name), digest)
        return digest

    def digest_of(self, arm: Arm) -> str:
        """Of an arm's checkpoint as it is now; "" where only loading it would tell."""
        return self._digest_in(self.ended_in(arm))

    def _digest_in(self, path: str) -> str:
        if self.config.fleet is not None:
            return load_model(self.config, path, self.pool).checkpoint.digest
        return digest_of(path, self._cache) if self.config.model.name == "transformers" else ""

    def aligner(self, arm: Arm, judge: Annotator | None) -> Aligner:
        """The arm's aligner, with the judge or the reward that it needs."""
        named = {model.name: model for model in self.config.reward_models}
        reward = self.reward(named[arm.align.reward]) if arm.align.reward is not None else None
        options = {"seed": self.config.seed_of(arm), **arm.align.options}
        return make_aligner(arm.align, {**options, "seed": round_seed(options["seed"], arm.round)}, judge, reward)

    def reward(self, arm: Arm) -> ModelReward:
        """A reward model that was trained. Raises TrainingError where the model's backend cannot be trained."""
        model = load_model(self.config, self.ended_in(arm))
        if not isinstance(model, Policy):
            raise TrainingError(f"The reward model {arm.name} is served by {self.config.model.name}, which only answers.")
        require_same_checkpoint(self.folder, arm.name, self.digests(arm.name), model.checkpoint.digest)
        return ModelReward(model, arm.name)

    def accuracies(self, models: Sequence[Arm]) -> RewardAccuracy:
        """Of each of these reward models on each one's held-out pairs, as far as none of them trained on their images."""
        judges = [annotator_of(m.align, self.data, self.store) for m in models]
        made = {m.name: (self.aligner(m, judge), self.pairs(m)) for m, judge in zip(models, judges, strict=True)}
        split = {name: (a, pairs) for name, (a, pairs) in made.items() if isinstance(a, HoldsOutPairs)}
        held = {name: a.tested_on(pairs) for name, (a, pairs) in split.items()}
        tested = trained_on_by_none(held, [pair for a, pairs in split.values() for pair in a.trained_on(pairs)])
        found, digests = dict[str, dict[str, float | None]](), dict[str, str]()
        for name, reward in ((model.name, self.reward(model)) for model in models):
            digests[name] = reward.digest
            found[name] = {of: reward.accuracy(pairs, self.data.folder) for of, pairs in tested.items()}
        all_of, left = ({name: sum(len(p.rejected) for p in pairs) for name, pairs in of.items()} for of in (held, tested))
        return RewardAccuracy(found, left, digests, {name: n - left[name] for name, n in all_of.items() if n > left[name]})

    def begins_with(self, arm: Arm) -> str | None:
        """The checkpoint that an arm is trained on; None: the study's base."""
        return None if arm.after is None else self.ended_in(next(a for a in self.config.arms if a.name == arm.after))

    def ended_in(self, arm: Arm) -> str:
        """The checkpoint of an arm that was trained."""
        return str(self.folder / read_json(self.place(arm) / "alignment.json")["folder"])

    # ------------------------------------------------------------ on a fleet

    def goes_to_fleet(self, arm: Arm) -> bool:
        """Whether its training needs nothing of this process; a judge remembers in the store, which the driver alone writes."""
        return self.pool is not None and arm.align.judge is None

    def train_on_fleet(self, pool: WorkerPool, arm: Arm, base: Model) -> Trained:
        """By as many processes as the arm asks for. Raises HarnessError as training in this process does."""
        import torch

        from harness.fleet.local_processes import LocalProcesses
        from harness.fleet.ray_train import train_with_ray

        end_idle_servers()
        asked, place = arm.resources or ALONE, self.place(arm)
        for left in (place / RESULT, place / FAULT, place / STARTS):
            left.unlink(missing_ok=True)
        given = {"config": self.config, "folder": self.folder.resolve(), "arm": arm.name, "threads": torch.get_num_threads()}
        known = {name: self.digests(name) for name in ("base", arm.after, arm.reference) if name}
        known["base"] = known["base"] or {"pairs": base.checkpoint.digest}  # where its sweep is still under way
        given |= {"known": known}
        given |= {"cwd": os.getcwd(), "sharded": asked.sharded, "digest": base.checkpoint.digest if arm.after is None else None}
        try:
            if isinstance(pool.cluster, LocalProcesses):
                pool.cluster.train(train_arm, given | {"sharded": False, "digest": None}, self.progress)
            else:
                train_with_ray(train_arm, given, arm.name, asked, pool.cluster, place / ".ray", self.say)
        except TrainingError as error:
            raise fault_in(place) or error from error
        finally:
            if times := lost_in(place):
                self.say(
                    f"{arm.name}: a process of its training was lost; all of them were started again from the last state that "
                    f"was kept ({count(times, 'new start')})"
                )
        if (fault := fault_in(place)) is not None:
            raise fault
        return result_in(place)


def train_arm(given: Mapping[str, Any], progress: Progress = no_progress) -> None:
    """What each process of an arm on a fleet does; the result is a file, since the driver may be another one by then."""
    start()
    os.chdir(given["cwd"])  # relative paths mean the same as for the driver
    os.environ["ACCELERATE_USE_FSDP"] = str(given["sharded"] and not is_alone()).lower()
    import torch

    torch.set_num_threads(given["threads"])
    config: RunConfig = given["config"]
    arm = next(arm for arm in (*config.reward_models, *config.arms) if arm.name == given["arm"])
    data = open_data(config.data, given["folder"].parent)
    training = ArmTraining(config, given["folder"], data, None, progress, lambda text: None, None, given["known"])
    place = training.place(arm)
    if is_first():
        note_start(place)
    if fault_in(place) is not None:  # Ray Train started again; what is wrong stays wrong
        return
    try:
        if given["digest"] is not None:
            _check_base(config, given["digest"])
        done = training.train(arm, training.pairs(arm))
    except LostProcess:  # Ray Train starts all of them again
        raise
    except HarnessError as error:
        write_text_whole(place / FAULT, json.dumps([type(error).__name__, str(error)]))
        if workers().count == 1:
            return
        raise  # ends the others too, who may wait for this one
    if workers().is_main:
        made = {"log": [dict(row) for row in done.log], "step": done.step, "notes": list(done.notes)}
        made |= {"dropped": dict(done.dropped), "asked": done.asked} if isinstance(done, CountsDropped) else {}
        write_text_whole(place / RESULT, json.dumps({**made, "folder": str(Path(done.folder).relative_to(place))}))


def _check_base(config: RunConfig, digest: str) -> None:
    own = load_model(config).checkpoint
    if own.digest != digest:
        import platform

        raise ModelError(
            f"On host {platform.node()}: the base checkpoint {own.folder} has another digest than that of the workers that "
            "answered. Give all hosts the same files."
        )
