"""What some plug-ins can do beyond the contract of their kind, each as a runtime-checkable protocol.

`isinstance(plugin, Capability)` is the only way to ask. Those with methods alone may also be asked of a class, by `issubclass`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.core.evaluation import Answer, Item, Request, Score
from harness.core.judging import JudgeTask
from harness.core.plugins import Answers, Data, Judge
from harness.core.preference import PreferencePair

# ---------------------------------------------------------------- benchmarks


@runtime_checkable
class Judged(Protocol):
    """A benchmark that can ask a judge: all that it may ask; of one that is made, all that it asks with its options."""

    judge_tasks: tuple[JudgeTask, ...]


@runtime_checkable
class NeedsJudge(Protocol):
    """A benchmark or an aligner that cannot do without a judge."""

    needs_judge: bool


@runtime_checkable
class WantsLogOdds(Protocol):
    """A benchmark that also reads the model's log-odds of yes: `Answer.yes_nats`."""

    log_odds: bool


@runtime_checkable
class WantsLikelihoods(Protocol):
    """A benchmark that can also read how likely the model finds each answer it offers: `Answer.option_nats`."""

    likelihoods: bool

    def offered(self, item: Item) -> Sequence[str]: ...  # the answers, as the model would write them; () for none


@runtime_checkable
class CountsWhatIsAsked(Protocol):
    """A benchmark with facts of its protocol on the items that are asked: its files know nothing of `limit` and `items`."""

    def facts_of(self, items: Sequence[Item]) -> dict[str, str]: ...


@runtime_checkable
class ScoresTogether(Protocol):
    """A benchmark with metrics over several items at once: both questions about an image, all four answers of a group."""

    def together(self, items: Sequence[Item], scores: Sequence[Score], answers: Mapping[str, Answer]) -> list[Score]:
        """The scores with what several items say together; asked again whenever some of them were scored anew, and of the
        items that several checkpoints answered, then without a judge (`NoJudge`). scores[i] is of items[i]; answers by the
        item's id. Names of such addends begin with `flags.JOINT`. A group that lacks a member is left out and counted."""


@runtime_checkable
class DescribesItems(Protocol):
    """A benchmark that names what an item asks about and its truth, for reports; "" where unknown."""

    def subject(self, item: Item) -> str: ...  # an object, or the question's type: reports count by it
    def reference(self, item: Item) -> str: ...  # the label, or the reference answer


@runtime_checkable
class AsksAboutObjects(Protocol):
    """A benchmark with yes/no questions on whether an object is in the image."""

    def asked_object(self, item: Item) -> str: ...  # "" for a question about something else


@runtime_checkable
class CountsYesNo(Protocol):
    """A benchmark whose `Score.reading` is yes, no, or neither: reports count these against the labels."""

    def labels_by_slice(self, item: Item) -> Sequence[tuple[str, str]]: ...  # (slice, yes or no) of each row it stands for


@runtime_checkable
class Titled(Protocol):
    """A benchmark with a name of its own in reports, such as "POPE"."""

    title: str


@dataclass(frozen=True, slots=True)
class OfficialFile:
    """One file (or folder) of the data folder that a benchmark or a source reads.

    `url` is "" where only a person may or can fetch it; `member` names the part of the archive at `url` that is the
    file, with a closing slash where it is a folder. `sha256` (of the file, not of its archive) is "" where it is not
    known; `how` tells in one line how to get it by hand; `needed` False: only for an option."""

    name: str
    origin: str
    licence: str
    how: str
    sha256: str = ""
    needed: bool = True
    url: str = ""
    member: str = ""


@runtime_checkable
class HasOfficialFiles(Protocol):
    """A benchmark or a source that names the files it reads."""

    files: Sequence[OfficialFile]


# ---------------------------------------------------------------- judges and models


@runtime_checkable
class VersionsTasks(Protocol):
    """A judge whose verdicts on different tasks have different cache keys."""

    def version_of(self, task: JudgeTask) -> str: ...


def version_for(judge: Judge, task: JudgeTask) -> str:
    """All that a judge's verdicts on a task depend on besides question, answer, facts and image."""
    own = judge.version_of(task) if isinstance(judge, VersionsTasks) else judge.version
    return own if task.version == 1 else f"{own}, task version {task.version}"


class Cost(Protocol):
    """What a server was asked and charged since it was last cleared; its text is for people."""

    requests: int

    def added_to(self, before: Mapping[str, Any]) -> dict[str, Any]: ...  # the totals of a run, for the store
    def clear(self) -> None: ...


@runtime_checkable
class CountsCost(Protocol):
    """A model, or a judge, that may be a server that charges; None where it is none."""

    def spent(self) -> Cost | None: ...


def cost_of(plugin: object) -> Cost | None:
    """What a model or a judge has cost; None for one that runs here."""
    return plugin.spent() if isinstance(plugin, CountsCost) else None


@runtime_checkable
class ScoresAnswers(Protocol):
    """A model that tells how likely a given answer is: log-probabilities in nats, one an answer."""

    def log_probs(self, requests: Sequence[Request], answers: Sequence[str]) -> list[float]: ...


@runtime_checkable
class TellsLogOdds(Protocol):
    """A model that tells the log-odds of yes against no of each request, in nats."""

    def yes_no_log_odds(self, requests: Sequence[Request]) -> list[float]: ...


@runtime_checkable
class GuessesTokens(Protocol):
    """A model that tells the likeliest token at each place of a given answer, as a text."""

    def guesses(self, requests: Sequence[Request], answers: Sequence[str]) -> list[str]: ...


@runtime_checkable
class CanBeTrained(Protocol):
    """A model that `alignment` can train: a `Policy`."""

    # Any: tensors; nothing here may import torch
    def hidden_states(self, input_ids: Any, vision: Mapping[str, Any], segment: Any, position_ids: Any) -> Any: ...


@runtime_checkable
class HasReferenceEngine(Protocol):
    """A model with a second, slow engine, the reference that its fast one is compared with."""

    def one_by_one(self) -> Answers: ...


@runtime_checkable
class SharesPrefixes(Protocol):
    """A model that computes the shared prefix of an image's questions once; `unshared`: why it does not, "" where it does."""

    @property
    def unshared(self) -> str: ...


OK, NOTE, WRONG = "ok", "note", "WRONG"  # states of a finding


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: `state` is "ok", "note" (worth knowing) or "WRONG"; `no_pass`: the model could not be asked at all."""

    what: str
    state: str
    words: str
    no_pass: bool = False


@runtime_checkable
class ChecksItself(Protocol):
    """A model that shows on images whether its tokens and its numbers are what they should be. `despite`: names of checks that
    may fail. `training`: look also at what only training computes."""

    despite: tuple[str, ...]

    def checks(self, images: Sequence[Path], training: bool) -> Iterator[Finding]: ...


@runtime_checkable
class HoldsWeights(Protocol):
    """A model in this process. Any: a torch module and device, which nothing here may import."""

    module: Any
    device: Any
    slot_bytes: int  # of the keys and values of one token
    slots: int  # tokens whose keys and values are kept at once, at most


# ---------------------------------------------------------------- sources and aligners


@runtime_checkable
class ChecksItsFiles(Protocol):
    """A source that can say, without a model and without reading an image, how many pairs or prompts its files hold.
    Raises DataError as `pairs` would: a faulty file, most images missing."""

    def check(self, data: Data, seed: int) -> int: ...  # after `limit`


@runtime_checkable
class NeedsReward(Protocol):
    """An aligner that cannot do without a reward model, or a judge in its place."""

    needs_reward: bool


@runtime_checkable
class HoldsOutPairs(Protocol):
    """An aligner that leaves some of the pairs out of training to measure on them: a reward model."""

    def trained_on(self, pairs: Sequence[PreferencePair]) -> Sequence[PreferencePair]: ...

    def tested_on(self, pairs: Sequence[PreferencePair]) -> list[PreferencePair]: ...
