"""Answers of the policy as it is: drawn in a step, ranked in pairs by an annotator.

Online DPO and mixed DPO of arXiv:2407.02477, section 2.3. The paper leaves temperature, number of candidates, length and
ties open; two candidates follow from its annotator prompt, the rest are options with recorded defaults.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any, NamedTuple

import torch

from alignment.batching.collate import Row, make_row
from alignment.batching.policy import AnsweringPolicy, Policy, PromptInputs
from alignment.batching.rows import Rows
from alignment.data.pairs import image_of
from alignment.online.round_robin import best_and_worst
from alignment.online.unjudged import Unjudged
from alignment.training.sample_supply import Sample, Score, of_all_processes
from alignment.weights.trainable import evaluating
from harness.core import registry
from harness.core.digests import seed_of
from harness.core.errors import ConfigError, TrainingError
from harness.core.evaluation import Answer, Decoding, Request, Verdict
from harness.core.final_answer import without_reasoning
from harness.core.judging import read_rank
from harness.core.plugins import Annotator, in_order
from harness.core.preference import Images, PreferencePair

TIES = ("drop", "stored", "first")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the policy's own answers are drawn. Defaults are TRL's but for the length."""

    temperature: float = 0.9
    top_p: float = 1.0
    max_new_tokens: int = 256

    def decoding(self, *seed: Any) -> Decoding:
        return Decoding(self.max_new_tokens, self.temperature, self.top_p, seed_of(*seed))


def make_sampling(aligner: str, options: Mapping[str, Any]) -> Sampling:
    sampling = Sampling(**registry.check_options("aligner", f"{aligner}.sampling", Sampling, options))
    if not sampling.temperature > 0:
        raise ConfigError(
            f"{aligner}.sampling.temperature is {sampling.temperature}; sampling different answers needs a temperature above 0."
        )
    sampling.decoding()  # refuses what could not be drawn by now, not in the first step
    return sampling


def make_own_sampling(aligner: str, options: Mapping[str, Any]) -> Sampling:
    """As `make_sampling`, from the whole distribution of the policy: its log-probabilities are those of the draws."""
    sampling = make_sampling(aligner, options)
    if sampling.top_p != 1:
        raise ConfigError(
            f"{aligner}.sampling.top_p must be 1: it learns from the distribution that the answers are drawn from."
        )
    return sampling


def require_answering(policy: Policy, aligner: str) -> AnsweringPolicy:
    if not isinstance(policy, AnsweringPolicy):
        raise ConfigError(f"{aligner} needs a model that answers while it trains; {type(policy).__name__} cannot.")
    if told := policy.facts().get("given answers"):
        raise ConfigError(
            f"{aligner} trains on the model's own answers, but this model's given answers stand {told}, so that it would learn "
            "behind another prompt than it answers. Set model.enable_thinking=false, or train on stored pairs, e.g. with dpo."
        )
    return policy


def require_own_distribution(policy: Policy, aligner: str) -> AnsweringPolicy:
    """The policy, if its answers are drawn from the distribution of its log-probabilities."""
    found = require_answering(policy, aligner)
    bent = policy.facts().get("generation config", "")
    if bent.startswith("honoured"):
        raise ConfigError(
            f"{aligner} learns from the model's own distribution, but the checkpoint's generation_config changes its sampling "
            f"({bent}). Set model.generation_config=ignored."
        )
    return found


@contextmanager
def answering(policy: AnsweringPolicy) -> Iterator[None]:
    """The policy as it is now, without dropout and gradients; back in training afterwards."""
    policy.forget_features()  # the projector may have moved since the last step
    with evaluating(policy.module), torch.no_grad():
        yield


def answers_of(policy: AnsweringPolicy, requests: Sequence[Request]) -> list[Answer]:
    with answering(policy):
        found: list[Answer] = in_order((pair for batch in policy.generate(requests) for pair in batch), len(requests))
    return found


def own_row(policy: Policy, pair: PreferencePair, image_root: Path, answers: Sequence[Answer]) -> Row:
    """A row of the policy's own answers, token by token as they were sampled.

    Never tokenised again: that can give other tokens, and one that ran into the token limit has no end to it. Raises
    TrainingError where the policy does not report its tokens.
    """
    ids = [answer.token_ids for answer in answers]
    if not all(ids):
        raise TrainingError(f"{type(policy).__name__} does not report the tokens it sampled; they are what is trained on.")
    prompt = PromptInputs(*policy.prompt(image_of(pair, image_root), pair.prompt))
    return Row(pair.id, prompt, tuple(torch.tensor(own, dtype=torch.long) for own in ids))


class Fresh(NamedTuple):
    """A pair of the policy's own answers, and these answers: the better one first."""

    pair: PreferencePair
    answers: tuple[Answer, Answer]


class _Made(NamedTuple):
    """What a prompt is trained on, None where it is dropped; for the others see `_Outcome`."""

    trained: PreferencePair | Fresh | None
    winner: float | None = None
    unjudged: int = 0
    judged: int = 0
    why: str = ""


class _Outcome(NamedTuple):
    """What came of a prompt of a step."""

    is_fresh: bool  # its coin did not fall on the stored pair
    winner: float | None  # of its fresh answers, see `Annotator.rank`
    unjudged: int  # comparisons of its fresh answers without a verdict
    is_used: bool
    is_stored: bool  # it is used, with its stored pair
    judged: int = 0  # comparisons that got one from the annotator, which two equal answers are not shown to
    why: str = ""  # one of them has none, "" where that is not known


@dataclass(frozen=True, slots=True)
class Ranked:
    """Pairs of a step: with probability `p_stored` the stored one, else two fresh answers in the annotator's order."""

    policy: AnsweringPolicy
    rows: Rows
    image_root: Path
    reference: Score
    judge: Annotator
    sampling: Sampling
    p_stored: float
    ties: str
    seed: int
    candidates: int = 2
    repeats: int = 1
    silence: Unjudged = field(default_factory=Unjudged)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, step: int, indices: Sequence[int]) -> tuple[list[Sample], dict[str, float]]:
        pairs = [self.rows.pairs[i] for i in indices]
        fresh = {p.id for p in pairs if self._coin(step, p.id) >= self.p_stored}
        ranked = self._ranked([p for p in pairs if p.id in fresh], step)
        made = [ranked[p.id] if p.id in fresh else _Made(p) for p in pairs]
        usable = [one.trained for one in made if one.trained is not None]
        outcomes = of_all_processes(
            _Outcome(p.id in fresh, winner, unjudged, trained is not None, isinstance(trained, PreferencePair), judged, why)
            for p, (trained, winner, unjudged, judged, why) in zip(pairs, made, strict=True)
        )
        judged, unjudged = (sum(counts) for counts in ([o.judged for o in outcomes], [o.unjudged for o in outcomes]))
        silent = f"The annotator {self.judge.name} judged none of the last {{n}} comparisons"
        self.silence.add(judged, unjudged, silent, step, next((o.why for o in reversed(outcomes) if o.why), ""))
        rows = [self._row(one) for one in usable]
        known = self.reference(rows, False)
        samples = [Sample(row.id, row, {"reference": logps}) for row, logps in zip(rows, known, strict=True)]
        return samples, _figures(outcomes, comb(self.candidates, 2))

    def _row(self, made: PreferencePair | Fresh) -> Row:
        if isinstance(made, Fresh):
            return own_row(self.policy, made.pair, self.image_root, made.answers)
        return make_row(self.policy, made, self.image_root)

    def _coin(self, step: int, name: str) -> float:
        return random.Random(seed_of(self.seed, "mix", step, name)).random()

    def _ranked(self, pairs: Sequence[PreferencePair], step: int) -> dict[str, _Made]:
        """By id what is trained on in the place of a pair."""
        paths = [image_of(p, self.image_root) for p in pairs]
        requests = [
            Request(path, p.prompt, self.sampling.decoding(self.seed, "sample", step, p.id, n))
            for p, path in zip(pairs, paths, strict=True)
            for n in range(self.candidates)
        ]
        answers = answers_of(self.policy, requests) if requests else []
        found = dict[str, _Made]()
        for i, (pair, path) in enumerate(zip(pairs, paths, strict=True)):
            found[pair.id] = self._compared(pair, answers[self.candidates * i :][: self.candidates], path)
        return found

    def _compared(self, pair: PreferencePair, answers: Sequence[Answer], path: Images) -> _Made:
        """Two of the answers in their order; of more than two, each is compared with each: see `best_and_worst`."""
        texts = _texts(answers)
        pairs = combinations(range(len(answers)), 2)
        found = {(i, j): self._verdict(pair, (texts[i], texts[j]), path) for i, j in pairs}
        verdicts = {places: verdict.value for places, verdict in found.items()}
        first, second, winner = best_and_worst(verdicts)
        why = next((verdict.reading for verdict in found.values() if verdict.value is None), "")
        unjudged = sum(value is None for value in verdicts.values())
        asked = sum(texts[i] != texts[j] for i, j in verdicts)
        trained = self._pair(pair, (answers[first], answers[second]), winner)
        return _Made(trained, winner, unjudged, asked - unjudged, why)

    def _verdict(self, pair: PreferencePair, two: tuple[str, str], path: Images) -> Verdict:
        if two[0] == two[1]:
            return Verdict(0.5, "the same answer twice", "", self.judge.name, "")
        return read_rank(self.judge.rank(pair.prompt, two, {"gt_answer": pair.chosen}, path), self.judge.name)

    def _pair(self, pair: PreferencePair, two: tuple[Answer, Answer], winner: float | None) -> PreferencePair | Fresh | None:
        """The pair to train on: None where it is dropped. Empty answers cannot be trained on."""
        texts = _texts(two)
        if winner is None or not all(texts):
            return None
        if winner == 0.5:
            if self.ties == "stored":
                return pair
            if self.ties == "drop" or texts[0] == texts[1]:
                return None
        better, worse = (1, 0) if winner > 0.5 else (0, 1)
        return Fresh(replace(pair, chosen=texts[better], rejected=(texts[worse],)), (two[better], two[worse]))


def _texts(answers: Sequence[Answer]) -> list[str]:
    """What is compared: the answers behind their reasoning, "" for one that never ended."""
    return [without_reasoning(answer.text).strip() for answer in answers]


def _figures(outcomes: Sequence[_Outcome], comparisons: int) -> dict[str, float]:
    """Shares of a step: of its fresh pairs, of their comparisons (so many each), of all its prompts."""
    fresh, n = [one for one in outcomes if one.is_fresh], max(1, len(outcomes))
    n_fresh = max(1, len(fresh))
    return {
        "online/ties": sum(one.winner == 0.5 for one in fresh) / n_fresh,
        "online/unjudged": sum(one.unjudged for one in fresh) / (n_fresh * comparisons),
        "online/used": sum(one.is_used for one in outcomes) / n,
        "online/stored": sum(one.is_stored for one in outcomes) / n,
    }
