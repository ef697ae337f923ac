"""The contracts of the plug-ins, as protocols: what each kind must offer. What some can do besides: `capabilities.py`."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from harness.core.errors import ModelError
from harness.core.evaluation import Answer, Decoding, Example, Formula, Item, Request, Score, Verdict
from harness.core.judging import Facts, JudgeTask
from harness.core.preference import Images, PreferencePair
from harness.core.run_record import Checkpoint

T = TypeVar("T")


@runtime_checkable
class Data(Protocol):
    """The data folder. Every path is relative to it, with forward slashes."""

    @property
    def folder(self) -> Path: ...
    def has(self, name: str) -> bool: ...
    def path(self, name: str) -> Path: ...  # DataError with what is missing and how to get it
    def read_text(self, name: str) -> str: ...
    def digest(self, name: str) -> str: ...  # sha256 of the file, remembered by size and time
    def cached(self, key: str, make: Callable[[], Any]) -> Any: ...  # Any: a JSON-able value, kept on disk by key


@runtime_checkable
class Benchmark(Protocol):
    """load -> prompt -> score -> formulas. Pure but for `load`; options are the constructor's arguments.

    One whose constructor takes `judge` gets a `Judge`; what else it may offer: `Judged`, `RatesOnAScale`, `NeedsJudge`,
    `HasOfficialFiles`, `DescribesItems`, `Titled`, `WantsLogOdds` of `capabilities.py`, `Auditable` of `harness.labels.claims`.
    """

    version: int
    formulas: tuple[Formula, ...]
    examples: tuple[Example, ...]

    def load(self, data: Data) -> list[Item]: ...
    def decoding(self) -> Decoding: ...
    def prompt(self, item: Item) -> str: ...
    def score(self, item: Item, answer: Answer) -> Score: ...
    def facts(self) -> dict[str, str]: ...  # its part of the protocol: variant, vocabulary digest, row counts, ...


@runtime_checkable
class HasStyles(Protocol):
    """A benchmark whose prompt has published wordings, by name; its option `style` picks one."""

    styles: Mapping[str, object]


@runtime_checkable
class JudgesTasks(Protocol):
    """What a judge of benchmarks does."""

    def judge(self, task: JudgeTask, question: str, answer: str, facts: Facts, image: Path | None) -> Verdict:
        """A verdict on an answer. `image` is the file, where the judge is to see it; `facts` are all that a prompt may tell."""
        ...


@runtime_checkable
class RatesAnswers(Protocol):
    """What an annotator does in training."""

    def rate(self, question: str, answer: str, facts: Facts, image: Images) -> Verdict:
        """How good an answer is, higher is better, on the annotator's own scale. facts["gt_answer"] is the reference."""
        ...

    def rank(self, question: str, answers: tuple[str, str], facts: Facts, image: Images) -> Verdict:
        """Which of two answers is better: value 0 the first, 1 the second, 0.5 neither, None unjudged. A comparison with any
        other value counts as unjudged (`judging.read_rank`); how good an answer is by itself is what `rate` tells."""
        ...


@runtime_checkable
class Judge(JudgesTasks, Protocol):
    """Judges answers to benchmarks. A benchmark that asks one gets it in its constructor as `judge`."""

    name: str
    version: str


@runtime_checkable
class Annotator(RatesAnswers, Protocol):
    """Rates and ranks answers while an aligner trains. Aligners get it in their constructor as `judge`."""

    name: str
    version: str


@runtime_checkable
class Answers(Protocol):
    """A way to answer requests.

    `generate` yields answers as they are finished, as lists of (index into `requests`, Answer with item_id ""); those in
    `done` are known and not asked again. What is computed together is a function of `requests` and their answers alone.
    Raises ImageError at an image it cannot read, Unanswered at its end; what was yielded before counts.
    """

    def generate(self, requests: Sequence[Request], done: Mapping[int, Answer] = ...) -> Iterator[list[tuple[int, Answer]]]: ...


@runtime_checkable
class Model(Answers, Protocol):
    """A checkpoint that answers."""

    @property
    def checkpoint(self) -> Checkpoint: ...
    def facts(self) -> dict[str, str]: ...  # processor backend, dtype, attention implementation, ...


@runtime_checkable
class RemembersFor(Protocol):
    """A model that keeps its answers, and keeps those of another model in the same place. `what`: for the progress display."""

    def remembering(self, other: Model, what: str) -> Model: ...


@runtime_checkable
class AnswersConcurrently(Protocol):
    """A model that answers on several processes: up to `max_threads` threads may call it, each of which calls `release` at its
    end."""

    max_threads: int

    def label(self, what: str) -> None: ...  # what this thread asks for from now on, for people
    def release(self) -> None: ...


@runtime_checkable
class WaveEngine(Answers, Protocol):
    """An engine whose `generate` works through waves one after the other: indices of requests, in parts that share an image.

    `waves` is a function of the requests alone, and what a wave computes one of its own requests and their answers alone:
    waves may be worked through in any order, in any process.
    """

    def waves(self, requests: Sequence[Request]) -> list[list[list[int]]]: ...
    def wave(
        self, requests: Sequence[Request], parts: Sequence[list[int]], done: Mapping[int, Answer]
    ) -> Iterator[list[tuple[int, Answer]]]: ...


@runtime_checkable
class ChecksOptions(Protocol):
    """A model's class that knows what is wrong with options before one is opened: a judge's is opened after hours."""

    @staticmethod
    def check_options(options: Mapping[str, Any]) -> None: ...  # raises ConfigError; no secret is repeated


@runtime_checkable
class HasWaves(Protocol):
    """What a model needs beside a model's methods so that several processes can share its answers out."""

    def engine(self) -> WaveEngine: ...


@runtime_checkable
class WorksInWaves(Model, HasWaves, Protocol):
    """A model whose answers several processes can share out."""


# What a process that opens one checkpoint after the other (a fleet's worker) lets a plug-in keep for the next one; else None.
KEPT: ContextVar[dict[str, Any] | None] = ContextVar("KEPT", default=None)


class NoModel:
    """Stands where a model stands when a source is only to be counted. Whoever asks it gets a ModelError."""

    checkpoint = Checkpoint("none", "none", "", "")

    def facts(self) -> dict[str, str]:
        return {}

    def generate(self, requests: Sequence[Request], done: Container[int] = ()) -> Iterator[list[tuple[int, Answer]]]:
        raise ModelError("This source asks a model, and none is loaded here.")


@runtime_checkable
class Source(Protocol):
    """Makes preference pairs. `report()` is its yield report after `pairs` is exhausted."""

    def pairs(self, data: Data, model: Model, seed: int) -> Iterator[PreferencePair]: ...
    def report(self) -> dict[str, Any]: ...


Progress = Callable[[str, int, int], None]  # (what, done, total); behind a tab `what` may say how it goes


class Trained(Protocol):
    """What an alignment ended in: one row of `log` a step, the checkpoint's folder, sentences for the report."""

    @property
    def log(self) -> tuple[Mapping[str, float], ...]: ...
    @property
    def folder(self) -> Path: ...
    @property
    def step(self) -> int: ...
    @property
    def notes(self) -> tuple[str, ...]: ...


@runtime_checkable
class Aligner(Protocol):
    """Trains a model on preference pairs. The contract of the model in training is `alignment.batching.policy.Policy`."""

    settings: Any  # `alignment.settings.Settings`, which is above this package

    def align(
        self,
        policy: Any,  # a Policy, whose contract is of tensors: nothing here may import torch
        pairs: Sequence[PreferencePair],
        image_root: Path,
        folder: Path,
        *,
        progress: Progress = ...,
        cache: Path | None = None,
        reference: Any = None,  # a Policy: the reference, where it is not the model as loaded
    ) -> Trained: ...


class Loss(Protocol):
    """A preference loss: a pure function of log-probabilities, see `alignment.batching.logps`."""

    # Any: PairLogps and PairLoss hold tensors, and nothing here may import torch
    def __call__(self, policy: Any, reference: Any, *, beta: float = ...) -> Any: ...  # Any: see above


@runtime_checkable
class ReportWriter(Protocol):
    """A comparison as the text of one file in the run's folder."""

    file_name: str

    def __call__(self, comparison: Any) -> str: ...  # a `reports.values.comparison.Comparison`, which is above this package


def no_progress(what: str, done: int, total: int) -> None:
    """The silent progress report."""


def in_order(pairs: Iterable[tuple[int, T]], n: int) -> list[T]:
    """Values by index: [(1, b), (0, a)] -> [a, b]. Raises KeyError where one of the n is missing."""
    values = dict(pairs)
    return [values[index] for index in range(n)]


@runtime_checkable
class CountsRows(Protocol):
    """A benchmark that asks a question once and counts it in several rows, as POPE in every split that holds it."""

    def rows(self, item: Item) -> int: ...
