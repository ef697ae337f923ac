"""Online BDHS: each step's rejected answers come from the policy as it is, by hiding the image from it.

arXiv:2407.02477, sections 3.4 and 5.4. No annotator is needed, since the order of each pair is known by construction.
Every step draws anew for its prompts; where no draw fits, the stored rejected answer is used and the log reports how
often ("online/stored"). With `keep_stored` the stored answer stays as the first rejected one beside the fresh one: the
study's "Online-BDHS + POVID" rows, with `loss: avg_dpo`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alignment.aligners._base import Aligner, seed_of_draws
from alignment.aligners._preference import preference_of
from alignment.batching.collate import make_row
from alignment.batching.policy import AnsweringPolicy, Policy
from alignment.batching.rows import Rows
from alignment.data.bdhs_drafts import Draft
from alignment.data.pairs import image_of
from alignment.data.prompts import Prompt
from alignment.data.similarity import Embedder
from alignment.online.ranked_pairs import answering, require_answering
from alignment.settings import make_settings
from alignment.sources.bdhs import Bdhs
from alignment.training.sample_supply import Sample, Score, Supply, of_all_processes
from harness.core import registry
from harness.core.digests import seed_of
from harness.core.errors import ConfigError
from harness.core.preference import PreferencePair

_OF_A_FILE = ("prompts", "image_folder", "from", "limit", "vocabulary", "matched", "keep_unmatched", "n_rejected")


@registry.aligner
class OnlineBdhs(Aligner):
    """Trains like `dpo` on pairs that it draws step by step."""

    name = "online_bdhs"

    def __init__(
        self,
        bdhs: Mapping[str, Any] | None = None,  # options of the source, without those of its file
        dpo: Mapping[str, Any] | None = None,  # {loss, beta, loss_options, sft_weight}, as of the aligner `dpo`
        training: Mapping[str, Any] | None = None,  # settings of the loop: {learning_rate, epochs, batch_size, lora, ...}
        keep_stored: bool = False,  # train on the stored pair too, beside the fresh one
        seed: int = 0,  # of this aligner's draws; the study's where absent
    ) -> None:
        wrong = [key for key in bdhs or {} if key in _OF_A_FILE]
        if wrong:
            raise ConfigError(
                f"online_bdhs draws for the prompts of its pairs; bdhs.{', bdhs.'.join(wrong)} has no place here."
            )
        self._source = Bdhs(**registry.check_options("source", "bdhs", Bdhs, bdhs or {}))
        self._facts = {"bdhs": dict(bdhs or {}), "keep_stored": keep_stored}
        self._keep_stored, self._seed = keep_stored, seed
        cure = (
            "" if keep_stored else "Set keep_stored: true, which keeps the stored one beside the fresh one, or use loss: dpo."
        )
        self.objective, self.settings = preference_of(self.name, dpo, cure), make_settings(training, seed=seed)

    @property
    def embedder(self) -> Embedder:
        return self._source.embedder

    def facts(self) -> dict[str, Any]:
        return {**self._facts, **seed_of_draws(self._seed, self.settings)}

    def supply(self, policy: Policy, rows: Rows, image_root: Path, reference: Score) -> Supply:
        talking = require_answering(policy, "online_bdhs")
        return _Fresh(talking, rows, image_root, reference, self._source, self._keep_stored, self._seed)


@dataclass(frozen=True, slots=True)
class _Fresh:
    """Pairs drawn from the policy in training, step by step."""

    policy: AnsweringPolicy
    rows: Rows
    image_root: Path
    reference: Score
    source: Bdhs
    keep_stored: bool
    seed: int
    repeats: int = 1

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, step: int, indices: Sequence[int]) -> tuple[list[Sample], dict[str, float]]:
        stored = [self.rows.pairs[i] for i in indices]
        drafts = {d.prompt.id: d for d in self._draw(stored, step)}
        fresh = [self._pair(pair, drafts.get(pair.id)) for pair in stored]
        made = [make_row(self.policy, pair, self.image_root) for pair in fresh]
        known = self.reference(made, False)
        samples = [Sample(row.id, row, {"reference": logps}) for row, logps in zip(made, known, strict=True)]
        tries = of_all_processes((drafts[p.id].attempt, drafts[p.id].free) if p.id in drafts else None for p in stored)
        return samples, _figures(tries)

    def _draw(self, stored: Sequence[PreferencePair], step: int) -> list[Draft]:
        prompts = [_prompt(pair, self.image_root) for pair in stored]
        with answering(self.policy):
            drafts, _ = self.source.draw(prompts, self.policy, seed_of(self.seed, "online", step))
        return drafts

    def _pair(self, pair: PreferencePair, draft: Draft | None) -> PreferencePair:
        if self.keep_stored:  # avg_dpo needs two rejected answers in every row
            return replace(pair, rejected=(pair.rejected[0], draft.text if draft else pair.rejected[-1]))
        return replace(pair, rejected=(draft.text,) if draft else pair.rejected[:1])


def _figures(tries: Sequence[tuple[int, bool] | None]) -> dict[str, float]:
    """Of a step's prompts: the tries that a fresh answer took and whether it was drawn freely, None where none fitted."""
    fresh = [one for one in tries if one is not None]
    n = max(1, len(fresh))
    return {
        "online/stored": 1 - len(fresh) / max(1, len(tries)),
        "online/tries": sum(attempt for attempt, _ in fresh) / n,
        "online/free": sum(free for _, free in fresh) / n,
    }


def _prompt(pair: PreferencePair, image_root: Path) -> Prompt:
    return Prompt(pair.id, pair.image, pair.image_digest, image_of(pair, image_root), pair.prompt, pair.chosen)
