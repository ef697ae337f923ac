"""An aligner from its configuration, with the judge or the reward that it needs; a trained reward model by its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alignment.aligners._base import Aligner as Own
from alignment.batching.policy import Policy
from alignment.online.reward_model import JudgeReward, ModelReward, Reward
from alignment.training.end_token import AHEAD, end_token_note
from alignment.training.sample_supply import Online
from alignment.weights.checkpoint import HEADS, PROVENANCE
from alignment.weights.strategy import check_division
from alignment.weights.workers import Workers, workers
from harness.audit.judges.judge_check import RankedPair
from harness.config.fleet_form import ALONE
from harness.config.schema import AlignConfig, RunConfig
from harness.core import registry
from harness.core.edge.files import is_file
from harness.core.errors import ConfigError, HarnessError, TrainingError
from harness.core.plugins import Aligner, Annotator, Data
from harness.core.preference import PreferencePair
from harness.evaluation.scoring import make_annotator
from harness.results.judge_results import RATERS
from harness.storage.run_folder import read_json
from harness.storage.run_store import Store


def annotator_of(spec: AlignConfig, data: Data, store: Store | None = None) -> Annotator | None:
    """Who rates or ranks answers in training; `store`: where the verdicts are remembered."""
    return make_annotator(spec.judge, store, data) if spec.judge is not None else None


def make_aligner(
    spec: AlignConfig,
    options: Mapping[str, Any],
    judge: Annotator | None = None,
    reward: Reward | None = None,
    stands_in: bool = False,
) -> Aligner:
    """Args: `options` the aligner's own; `judge` of `annotator_of`; `reward` of a reward model, where it has one; `stands_in`:
    it will not train, so that it gets neither."""
    if stands_in:
        return registry.make("aligner", spec.name, dict(options), judge=None, reward=None)
    if reward is None and judge is not None:
        reward = JudgeReward(judge)
    given = {name: value for name, value in (("judge", judge), ("reward", reward)) if value is not None}
    return registry.make("aligner", spec.name, dict(options), **given)


def ends_not_taught(config: RunConfig, pairs: Mapping[str, Sequence[PreferencePair]], model: object) -> tuple[str, ...]:
    """What a dry run says, once, where a training of the study will note that it does not teach answers to end.

    Args: `pairs`: reward model or arm -> its pairs, as far as they are ready-made; only these are looked at.
    """
    if not isinstance(model, Policy):
        return ()
    for arm in (arm for arm in config.arms if arm.name in pairs):
        try:
            aligner = make_aligner(arm.align, arm.align.options, stands_in=True)
            online = aligner if isinstance(aligner, Online) else None
            if isinstance(aligner, Own) and end_token_note(model, aligner.objective, pairs[arm.name], online):
                return (AHEAD,)
        except HarnessError:  # named among what is wrong
            continue
    return ()


def check_divided(config: RunConfig) -> None:
    """Raises ConfigError where the processes that train together would divide weights that an arm's aligner needs whole."""
    here = Workers() if config.fleet is not None else workers()
    for arm in (*config.reward_models, *config.arms):
        online = isinstance(registry.get("aligner", arm.align.name), Online)
        moving = arm.align.options.get("reference_sync") is not None
        asked = arm.resources or ALONE
        try:
            if config.fleet is None:
                check_division(here, online, moving)
            elif arm.align.judge is None:  # with a judge it is trained in this process
                check_division(Workers(0, asked.workers), online, moving, asked.sharded)
        except ConfigError as error:
            raise ConfigError(f"arm {arm.name}: {error}") from error


def rated_by(checkpoint: Path) -> dict[str, str]:
    """Who rated or ranked answers while this checkpoint was trained, as its provenance says; empty where nobody did."""
    known = _provenance(checkpoint)
    return {name: str(known[name]) for name in RATERS if known.get(name)}


def code_of(checkpoint: Path) -> tuple[str, ...]:
    """By which code this checkpoint was trained, see `TrainingLog.code`."""
    return tuple(_provenance(checkpoint).get("code", ()))


def _provenance(checkpoint: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(checkpoint / PROVENANCE) if is_file(checkpoint / PROVENANCE) else {}
    return found


def trained_reward(folder: Path, name: str, options: Mapping[str, Any]) -> ModelReward:
    """A reward model by its checkpoint, or by its folder in a run (`RUN/reward_models/NAME`).

    name, options: the model backend's. Raises TrainingError for a folder that holds none, before anything is loaded.
    """
    path = folder
    if not is_file(path / HEADS) and is_file(path / "alignment.json"):
        path = folder.parent.parent / str(read_json(path / "alignment.json").get("folder", ""))
    if not is_file(path / HEADS):
        raise TrainingError(
            f"{folder} is not a reward model: it has no {HEADS}. Give the checkpoint that the aligner reward_model wrote, or "
            "RUN/reward_models/NAME."
        )
    model = registry.make("model", name, {**options, "path": str(path)})
    if not isinstance(model, Policy):
        raise TrainingError(f"The reward model {folder} is served by {name}, which only answers.")
    return ModelReward(model, folder.name)


def rate_of(reward: ModelReward) -> Callable[[RankedPair, tuple[str, str], Path], Sequence[float | None]]:
    """Rewards of two answers to a pair, as `judges check` asks for them."""

    def rate(pair: RankedPair, answers: tuple[str, str], images: Path) -> Sequence[float | None]:
        return reward(
            PreferencePair(pair.id, pair.image, "", pair.question, answers[0], (answers[1],), "check"), answers, images
        )

    return rate
