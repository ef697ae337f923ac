"""Base of all aligners: an objective, settings, and the call of the training loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alignment.batching.policy import Policy
from alignment.data.invalid_pairs import require_some, validate
from alignment.early_stopping import Rule
from alignment.online.ranked_pairs import require_answering
from alignment.settings import Settings
from alignment.training.objectives import Objective
from alignment.training.sample_supply import Online
from alignment.training.train import Alignment, train
from harness.core.plugins import Progress, no_progress
from harness.core.preference import PreferencePair


def seed_of_draws(seed: int, settings: Settings) -> dict[str, int]:
    """Among the facts of an aligner that draws while it trains: its own seed, where that is not the one of the training."""
    return {} if seed == settings.seed else {"seed of the draws": seed}


class Aligner:
    """An aligner sets `objective` and `settings`; one that makes its answers while it trains is `Online` as well."""

    name: str
    objective: Objective
    settings: Settings
    rules: tuple[Rule, ...] = ()
    repeats: int = 1  # steps in a row that learn from the same answers, see `Supply`

    def trained_of(self, n_pairs: int) -> int:
        """About how many of so many pairs are trained on."""
        return n_pairs

    def judge_requests(self, n_prompts: int, n_stored: int) -> int:
        """What a judge is asked at most where answers are drawn to so many prompts, each time that one is taken counting, and
        the pairs have so many answers."""
        return 0

    @staticmethod
    def check_pairs(pairs: Sequence[PreferencePair], options: Mapping[str, Any]) -> None:
        """Raise TrainingError where the training would refuse these pairs, whose images are there; no model is needed."""
        require_some(*validate(pairs, lambda name: True))

    def align(
        self,
        policy: Policy,
        pairs: Sequence[PreferencePair],
        image_root: Path,
        folder: Path,
        *,
        progress: Progress = no_progress,
        cache: Path | None = None,
        reference: Policy | None = None,
    ) -> Alignment:
        """Train, or resume a training that was killed; see `alignment.training.train.train`.

        `reference`: where it is not the policy as loaded.

        Raises ConfigError where an online method meets a policy that cannot answer.
        """
        online = self if isinstance(self, Online) else None
        if online is not None:
            require_answering(policy, self.name)
        return train(
            policy, self.trained_on(pairs), image_root, folder, self.objective, self.settings, progress,
            online=online, rules=self.rules, cache=cache, reference=reference,
        )  # fmt: skip

    def trained_on(self, pairs: Sequence[PreferencePair]) -> Sequence[PreferencePair]:
        """The pairs to train on; all of them by default."""
        return pairs
