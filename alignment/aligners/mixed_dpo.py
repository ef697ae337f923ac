"""Mixed DPO: each prompt of a step learns from its stored pair or from a fresh, ranked one, by a coin.

arXiv:2407.02477, equation 4: alpha ~ Bernoulli(p) for every sample, p = 0.5. A hard switch, no weighted mean. A step's loss
is the mean over its pairs: a stored row with K rejected answers is K of them (a note says so), a fresh pair is one.

A fresh pair that is a tie is dropped (`ties: drop`), and so is one with an empty or unjudged answer: its prompt is left out of
the step, as its coin did not fall on the stored pair ("online/used" is the share of prompts that are left). Where nothing is
left, the step is skipped: weights and optimizer stay as they are, "skipped" is 1 in its log row, the schedule goes on, and the
report gives the number of such steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from pathlib import Path
from typing import Any

from alignment.aligners._base import Aligner, seed_of_draws
from alignment.aligners._preference import preference_of
from alignment.batching.policy import Policy
from alignment.batching.rows import Rows
from alignment.online.ranked_pairs import TIES, Ranked, make_sampling, require_answering
from alignment.settings import make_settings
from alignment.training.sample_supply import Score, Supply
from harness.core import registry
from harness.core.errors import ConfigError
from harness.core.plugins import Annotator
from harness.core.preference import PreferencePair


@registry.aligner
class MixedDpo(Aligner):
    """Trains like `dpo`; `judge` is the annotator that ranks two answers of the policy."""

    needs_judge = True
    name = "mixed_dpo"

    def __init__(
        self,
        judge: Annotator,
        p: float = 0.5,  # of the stored pair
        dpo: Mapping[str, Any] | None = None,  # {loss, beta, loss_options, sft_weight}, as of the aligner `dpo`
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        sampling: Mapping[str, Any] | None = None,  # {temperature, top_p, max_new_tokens}
        ties: str = "drop",  # or "stored" (train on the stored pair), "first" (as TRL: the first counts as better)
        candidates: int = 2,  # answers a prompt, at least 2; of more, each is compared with each: the best against the worst
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        if not 0 <= p <= 1:
            raise ConfigError(f"{self.name}.p is {p}; it is the probability of the stored pair, 0 to 1.")
        if ties not in TIES:
            raise ConfigError(f"{self.name}.ties is {ties!r}; choose one of {', '.join(TIES)}.")
        self._judge = judge
        self._sampling = make_sampling(self.name, sampling or {})
        if candidates < 2:
            raise ConfigError(f"{self.name}.candidates is {candidates}; a pair needs at least 2 answers.")
        self._p, self._ties, self._seed, self._candidates = p, ties, seed, candidates
        cure = "Use loss: dpo." if p < 1 else ""
        self.objective, self.settings = preference_of(self.name, dpo, cure), make_settings(training, seed=seed)

    @staticmethod
    def notes_on(pairs: Sequence[PreferencePair]) -> tuple[str, ...]:
        """How many pairs have several rejected answers, of which the stored ones weigh more than `p` says."""
        if not (several := sum(len(pair.rejected) > 1 for pair in pairs)):
            return ()
        return (
            f"mixed_dpo: {several:,} of {len(pairs):,} pairs have several rejected answers. Where the stored pair is taken, "
            "each of them counts like a fresh pair, so that stored answers weigh more than p says. Give one rejected answer a "
            "pair for equation 4 of the paper.",
        )

    def facts(self) -> dict[str, Any]:
        judge = f"{self._judge.name} {self._judge.version}"
        more: dict[str, Any] = {"candidates": self._candidates} if self._candidates != 2 else {}
        more |= seed_of_draws(self._seed, self.settings)
        return {"p_stored": self._p, "ties": self._ties, "annotator": judge, "sampling": repr(self._sampling), **more}

    def judge_requests(self, n_prompts: int, n_stored: int) -> int:
        return round((1 - self._p) * n_prompts) * comb(self._candidates, 2)

    def supply(self, policy: Policy, rows: Rows, image_root: Path, reference: Score) -> Supply:
        answering = require_answering(policy, self.name)
        how = (self._sampling, self._p, self._ties, self._seed, self._candidates)
        return Ranked(answering, rows, image_root, reference, self._judge, *how)
