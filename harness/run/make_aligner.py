"""An aligner from its configuration, with the judge or the reward that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignment.online.reward_model import JudgeReward, Reward
from harness.config.schema import AlignConfig
from harness.core import registry
from harness.core.plugins import Aligner, Data
from harness.evaluation.scoring import make_annotator
from harness.storage.run_store import Store


def make_aligner(
    spec: AlignConfig, options: Mapping[str, Any], data: Data, store: Store | None = None, reward: Reward | None = None
) -> Aligner:
    """Args: `options` the aligner's own; `store` where the judge remembers; `reward` of a reward model, where it has one."""
    judge = make_annotator(spec.judge, store, data) if spec.judge is not None else None
    if reward is None and judge is not None:
        reward = JudgeReward(judge)
    given = {name: value for name, value in (("judge", judge), ("reward", reward)) if value is not None}
    return registry.make("aligner", spec.name, dict(options), **given)
