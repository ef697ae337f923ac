"""The objectives that a training step minimises; preference losses are in `preference.py`.

An objective sees one micro-batch at a time and returns an *addend* of the step's loss: means run over the whole step
(all its pairs, all its answers, all its tokens), so that micro-batch size and number of processes change nothing but
speed and memory (and the draws of an adapter's dropout).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn

from alignment.batching.collate import Batch, Extras, Row, score
from alignment.batching.policy import Policy
from harness.core.preference import PreferencePair


class Totals(NamedTuple):
    """What a step's means are over."""

    pairs: int
    chosen_tokens: int
    answers: int = 0
    tokens: int = 0
    step: Any = None  # what an objective that `ReadsStep` found in the rows of the whole step


class Part(NamedTuple):
    """One micro-batch: `loss` adds up to the step's loss; `values` by TRL name, one entry a pair."""

    loss: Tensor  # ()
    values: dict[str, Tensor]  # each (n,): pairs, answers or whatever the objective averages over
    figures: Mapping[str, float] = {}  # of the whole step, logged as they are


class Rewards(NamedTuple):
    """What the rewards in a training's log are.

    beta: they are so many times an answer's log-ratio to the policy that the training began with; None: something else.
    lowers_chosen: the loss makes chosen answers less likely on purpose.
    """

    beta: float | None = None
    lowers_chosen: bool = False


Known = Mapping[str, Tensor]  # precomputed values of a micro-batch's answers: "reference" (A,), "rewards" (A,), ...


class Objective(Protocol):
    """Turns a micro-batch into a loss."""

    @property
    def needs_reference(self) -> bool: ...
    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]: ...  # trained beside the policy, kept beside it
    def row(self, row: Row) -> Row: ...  # the answers it needs
    def totals(self, rows: Sequence[Row]) -> Totals: ...
    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part: ...
    def facts(self) -> dict[str, Any]: ...


@runtime_checkable
class LogsRewards(Protocol):
    """An objective that logs rewards of preference; `rewards` where its reference is the policy as loaded."""

    @property
    def rewards(self) -> Rewards: ...


@runtime_checkable
class CorrectsSampling(Protocol):
    """An objective that may weigh tokens by the trainer's probability over the sampler's."""

    @property
    def corrects_sampling(self) -> bool: ...


def rewards_of(objective: Objective, has_other_reference: bool) -> Rewards | None:
    """What the rewards in the log are; None where they say nothing of how likely answers are (a reward model's)."""
    if not isinstance(objective, LogsRewards):
        return None
    return objective.rewards._replace(beta=None) if has_other_reference else objective.rewards


@runtime_checkable
class DependsOnTemplate(Protocol):
    """An objective that reads the answers of some chat templates otherwise: what a training on these pairs states of it."""

    def facts_of(self, policy: Policy, pairs: Sequence[PreferencePair]) -> dict[str, str]: ...


@runtime_checkable
class NeedsExtras(Protocol):
    """An objective whose rows hold more than their pair: other images, and answers behind them."""

    def extras(self, pairs: Sequence[PreferencePair], image_root: Path, folder: Path) -> list[Extras | None]:
        """Of each pair; None where an image of it cannot be read, so that it is left out.

        `folder` is where images may be written. Raises TrainingError for pairs that cannot have them.
        """
        ...


@runtime_checkable
class ShowsNoise(Protocol):
    """An objective that may show images under noise."""

    @property
    def shows_noise(self) -> bool: ...


@runtime_checkable
class ReadsTokens(Protocol):
    """An objective that may read the reference's log-probabilities token by token."""

    @property
    def reads_tokens(self) -> bool: ...


@runtime_checkable
class ReadsStates(Protocol):
    """An objective that may read the reference's hidden states at the scored tokens, and its head."""

    @property
    def reads_states(self) -> bool: ...
    def keep_head(self, policy: Policy) -> None: ...  # called with the policy as loaded where states are read


@runtime_checkable
class ReadsStep(Protocol):
    """An objective that may read all rows of a step, by a pass without gradients, before the gradients of any."""

    @property
    def whole_step(self) -> bool: ...  # whether it does
    def seen(self, row: Row) -> Row: ...  # the answers that this pass scores
    def look(self, policy: Policy, batch: Batch, known: Known) -> Any: ...  # Any: its own; of a micro-batch, on the CPU
    def views(self, looks: Sequence[Sequence[Any]], rank: int, past: Mapping[str, float]) -> list[Any]:
        """`Totals.step` for each micro-batch of process `rank`, and once more for an idle pass.

        looks: of every process and its micro-batches; past: the log row of the step before.
        """
        ...


@dataclass(frozen=True, slots=True)
class Imitation:
    """Further supervised fine-tuning on the chosen answers: token mean of the negative log-likelihood."""

    needs_reference: bool = False

    def facts(self) -> dict[str, Any]:
        return {"loss": "sft"}

    def heads(self, policy: Policy, seed: int) -> dict[str, nn.Module]:
        return {}

    def row(self, row: Row) -> Row:
        return Row(row.id, row.prompt, row.answers[:1])

    def totals(self, rows: Sequence[Row]) -> Totals:
        return Totals(len(rows), sum(len(r.answers[0]) for r in rows))

    def __call__(self, policy: Policy, batch: Batch, known: Known, totals: Totals) -> Part:
        answers = score(policy, batch)
        return Part(-answers.sum() / totals.chosen_tokens, {"logps/chosen": answers.detach()})
