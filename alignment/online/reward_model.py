"""A reward model: the policy's own body with one number on top, and what rates answers in reinforcement.

Bradley-Terry loss of arXiv:2407.02477, equation 1: -log sigma(r(chosen) - r(rejected)). The reward is read from the hidden
state that has read the whole answer: it predicts the end token that the chat template writes. Where the template writes nothing
behind an answer, or a pair's answer is a sentence behind a context, it is the state behind the answer's last token (`whole`).
The reward is shift-free, so only differences mean anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Protocol

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from alignment.batching.collate import (
    Batch,
    Row,
    answer_states,
    answer_tokens,
    collate,
    make_row,
    pair_logps,
    plain_row,
    states,
)
from alignment.batching.contexts import written_behind
from alignment.batching.logps import head_weight
from alignment.batching.policy import Policy
from alignment.data.pairs import image_of
from alignment.data.sampling import by_images
from alignment.training.objectives import Known, Part, Totals
from alignment.weights.checkpoint import HEADS, PROVENANCE
from harness.core.digests import parts_digest, seed_of
from harness.core.errors import TrainingError
from harness.core.plugins import Annotator
from harness.core.preference import PreferencePair, names_of

HEAD = "reward_head"
READ_BEHIND = {"reward read": "behind the last token of an answer"}  # in the provenance where the template ends no answer
_ROUNDING = 1e-6
_AT_ONCE = 16


class Reward(Protocol):
    """Rates the policy's own answers; higher is better."""

    def facts(self) -> dict[str, str]: ...
    def __call__(self, pair: PreferencePair, answers: Sequence[str], image_root: Path) -> list[float | None]: ...


@dataclass(slots=True)
class BradleyTerry:
    """The objective of a reward model."""

    head: nn.Linear | None = None
    needs_reference: bool = False
    tail: Sequence[int] = ()  # see `written_behind`
    pad: int = 0

    def facts(self) -> dict[str, Any]:
        return {"loss": "bradley_terry"}

    def facts_of(self, policy: Policy, pairs: Sequence[PreferencePair]) -> dict[str, str]:
        return READ_BEHIND if any(pair.context for pair in pairs) or not written_behind(policy) else {}

    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]:
        self.head, self.tail, self.pad = new_head(policy, seed), written_behind(policy), policy.pad_token_id
        return {HEAD: self.head}

    def row(self, row: Row) -> Row:
        return whole(row, self.tail, self.pad)

    def totals(self, rows: Sequence[Row]) -> Totals:
        return Totals(sum(len(r.answers) - 1 for r in rows), 0)

    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part:
        assert self.head is not None  # made by the loop, see `heads`
        rewards = rate(self.head, answer_states(states(policy, batch), batch))
        pairs = pair_logps(rewards, answer_tokens(batch), batch.answers_of_row)
        margin = pairs.chosen - pairs.rejected
        values = {
            "rewards/chosen": pairs.chosen.detach(),
            "rewards/rejected": pairs.rejected.detach(),
            "rewards/margins": margin.detach(),
            "rewards/accuracies": (margin > 0).float(),
        }
        return Part(-functional.logsigmoid(margin).sum() / totals.pairs, values)


def whole(row: Row, tail: Sequence[int], pad: int) -> Row:
    """A row of which `answer_states` reads whole answers: its last token is a target and is not read (`Row`), so that an answer
    which does not end in `tail`, the tokens that the template writes behind it, gets a further token."""
    ends = [bool(tail) and answer[-len(tail) :].tolist() == list(tail) for answer in row.answers]
    longer = (a if is_closed else torch.cat([a, a.new_tensor([pad])]) for a, is_closed in zip(row.answers, ends, strict=True))
    return replace(row, answers=tuple(longer))


def new_head(policy: Policy, seed: int) -> nn.Linear:
    """Hidden states -> one number, near zero at first."""
    weight = head_weight(policy.head())
    head = nn.Linear(weight.shape[-1], 1).to(weight.device, weight.dtype)
    generator = torch.Generator().manual_seed(seed_of(seed, "head"))
    with torch.no_grad():
        head.weight.copy_(torch.randn(head.weight.shape, generator=generator) * head.in_features**-0.5)
        head.bias.zero_()
    return head


def rate(head: nn.Linear, at: Tensor) -> Tensor:
    """Rewards (A,) of hidden states (A, D), in the head's own precision."""
    rewards: Tensor = head(at.to(head.weight.dtype)).squeeze(-1).float()
    return rewards


class ModelReward:
    """A trained reward model. `policy` is loaded from its checkpoint folder, which also holds the head."""

    def __init__(self, policy: Policy, name: str = "reward model") -> None:
        folder = Path(policy.checkpoint.folder)
        if not (folder / HEADS).is_file():
            raise TrainingError(f"{folder} is not a reward model: it has no {HEADS}. Train one with the aligner reward_model.")
        self._policy, self._name = policy, name
        self._tail = written_behind(policy)
        self._require_read_whole(folder)
        self._head = new_head(policy, 0)
        tensors = load_file(folder / HEADS)
        self._head.load_state_dict({n.removeprefix(f"{HEAD}."): t for n, t in tensors.items() if n.startswith(HEAD)})

    def _require_read_whole(self, folder: Path) -> None:
        """Raises TrainingError for a reward model of an earlier version that did not read the last token of an answer."""
        provenance = folder / PROVENANCE
        made = json.loads(provenance.read_text(encoding="utf-8")) if provenance.is_file() else {}
        if not self._tail and not READ_BEHIND.items() <= made.items():
            raise TrainingError(
                f"The reward model {folder} was trained by an earlier version, which did not read the last token of an answer "
                "where the chat template writes no end token: 'Yes' and 'No' had one reward. Train it again (in a run: under "
                "another name)."
            )

    def facts(self) -> dict[str, str]:
        return {"reward": self._name, "reward digest": self.digest}

    @property
    def digest(self) -> str:
        """Identity of its weights, head included."""
        return self._policy.checkpoint.digest

    def __call__(self, pair: PreferencePair, answers: Sequence[str], image_root: Path) -> list[float | None]:
        different = list(dict.fromkeys(answers))  # equal answers have equal rewards, whatever stands beside them in a batch
        row = plain_row(self._policy, pair, image_of(pair, image_root), different)  # one that ended at once is rated, too
        known = dict(zip(different, map(float, self.of([row])[0]), strict=True))
        return [known[answer] for answer in answers]

    @torch.no_grad()
    def of(self, rows: Sequence[Row]) -> list[Tensor]:
        """Rewards of each row's answers."""
        found = list[Tensor]()
        for start in range(0, len(rows), _AT_ONCE):
            pad = self._policy.pad_token_id
            batch = collate([whole(row, self._tail, pad) for row in rows[start : start + _AT_ONCE]], pad)
            rewards = rate(self._head, answer_states(states(self._policy, batch), batch))
            found += torch.split(rewards.cpu(), list(batch.answers_of_row))
        return found

    def accuracy(self, pairs: Sequence[PreferencePair], image_root: Path) -> float | None:
        """Share of pairs (every rejected answer on its own) whose chosen answer gets the higher reward; None without pairs.

        Equal rewards count half, as chance decides them; they are equal where they differ by no more than rounding.
        """
        rewards = self.of([make_row(self._policy, pair, image_root) for pair in pairs])
        both = [(float(own[0]), float(other)) for own in rewards for other in own[1:]]
        right = [0.5 if math.isclose(a, b, rel_tol=_ROUNDING, abs_tol=_ROUNDING) else float(a > b) for a, b in both]
        return sum(right) / len(right) if right else None


class JudgeReward:
    """A judge's rating as the reward; an unjudged answer has none."""

    def __init__(self, judge: Annotator) -> None:
        self._judge = judge

    def facts(self) -> dict[str, str]:
        return {"reward": f"judge {self._judge.name} {self._judge.version}"}

    def __call__(self, pair: PreferencePair, answers: Sequence[str], image_root: Path) -> list[float | None]:
        facts = {"gt_answer": pair.chosen}
        return [self._judge.rate(pair.prompt, answer, facts, image_of(pair, image_root)).value for answer in answers]


@dataclass(frozen=True, slots=True)
class Normalized:
    """A reward less `mean`, divided by `deviation`."""

    reward: Reward
    mean: float
    deviation: float

    def facts(self) -> dict[str, str]:
        return self.reward.facts()

    def __call__(self, pair: PreferencePair, answers: Sequence[str], image_root: Path) -> list[float | None]:
        found = self.reward(pair, answers, image_root)
        return [None if value is None else (value - self.mean) / self.deviation for value in found]


def normalized(reward: Reward, pairs: Sequence[PreferencePair], image_root: Path) -> Normalized:
    """The reward with mean 0 and standard deviation 1 over the stored answers of `pairs`: arXiv:2407.02477, appendix A, "mean
    and standard deviation pre-computed on the alignment set". Raises TrainingError where they are all equal or unrated."""
    rated = [value for p in pairs for value in reward(p, (p.chosen, *p.rejected), image_root) if value is not None]
    deviation = stdev(rated) if len(rated) > 1 else 0.0
    if not deviation > 0:
        raise TrainingError(
            f"normalize_rewards: the reward gives the {len(rated)} rated answers of the alignment set all the same number, so "
            "there is nothing to divide by. Check the reward model, or remove the option."
        )
    return Normalized(reward, fmean(rated), deviation)


def held_out(pairs: Sequence[PreferencePair], share: float, seed: int) -> tuple[list[PreferencePair], list[PreferencePair]]:
    """(to train on, to test on): the same split whatever the order, by image so that no image is on both sides."""

    tested = [int(parts_digest(seed, "held out", about)[:8], 16) < share * 16**8 for about in by_images(pairs)]
    split = [[p for p, is_tested in zip(pairs, tested, strict=True) if is_tested == wanted] for wanted in (False, True)]
    return split[0], split[1]


def trained_on_by_none(
    tested: Mapping[str, Sequence[PreferencePair]], trained: Sequence[PreferencePair]
) -> dict[str, list[PreferencePair]]:
    """The held-out pairs of several models (by whose they are) less those about an image that one of the models trained on:
    with another seed or share, or another pair that joins two images, what one holds out another trains on."""
    known = {one for pair in trained for one in _about(pair)}
    return {name: [pair for pair in pairs if known.isdisjoint(_about(pair))] for name, pairs in tested.items()}


def _about(pair: PreferencePair) -> tuple[str, ...]:
    return names_of(pair.shown) or (pair.id,)
