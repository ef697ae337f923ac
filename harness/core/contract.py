"""The words every room shares: plain frozen values and the protocols of the plug-ins.

Standard library only, so that every room can rest on it. The life of a number, top to bottom:

    Item -> Request -> Answer -> (Verdict) -> Score -> Formula over summed scores -> Metric

A score holds *addends*: numbers that may be summed over items. A metric is a formula over such sums. That one
rule gives everything the reports need: intervals (resample the images, sum again, apply the formula again),
paired differences, slices and re-scoring, all without the model and without a benchmark knowing of statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

Better = str  # "higher", "lower" or "neither"
Addends = Mapping[str, float]  # name -> number that may be summed over items


# ---------------------------------------------------------------- questions and answers


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a benchmark.

    `image` is a path relative to the data folder; `group` is the unit that statistics resample (the image
    unless the benchmark says otherwise); `truth` is whatever the benchmark needs to score an answer.
    """

    id: str
    image: str
    question: str
    truth: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""

    @property
    def cluster(self) -> str:
        return self.group or self.image


@dataclass(frozen=True, slots=True)
class Decoding:
    """How an answer is produced. `temperature` 0 is greedy; `seed` belongs to the single request."""

    max_new_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()  # generation ends after the first of these strings, which is kept
    min_new_tokens: int = 0


@dataclass(frozen=True, slots=True)
class HiddenImage:
    """Hide image tokens from the model: token i stays visible iff rho_i >= share, rho_i ~ U(0,1) (paper, Eq. 6).

    `seed` draws the mask; requests with the same seed and image see the same mask.
    """

    share: float
    seed: int


@dataclass(frozen=True, slots=True)
class NoisyImage:
    """Show the image under Gaussian noise: `steps` of 1000 diffusion steps (paper, Eqs. 8-9); `seed` draws it."""

    steps: int
    seed: int


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to generate: `prefix` is the beginning of the answer that is already given."""

    image: Path | None
    text: str
    decoding: Decoding = Decoding()
    prefix: str = ""
    hidden_image: HiddenImage | None = None
    noise: NoisyImage | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, without the request's prefix. `stopped`: "end", "stop" (a stop string), "length". -1 tokens: unknown."""

    item_id: str
    text: str
    n_tokens: int
    stopped: str
    latency_s: float = 0.0
    yes_nats: float | None = None  # log-odds of yes against no in nats, where told


# ---------------------------------------------------------------- scores and metrics


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of an answer; `kind` is "found", "invented" or "uncovered"."""

    start: int
    end: int
    kind: str
    node: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's word on one answer. `value` None means unjudged; `raw` is the judge's own text."""

    value: float | None
    reading: str
    raw: str
    judge: str
    judge_version: str


@dataclass(frozen=True, slots=True)
class Score:
    """One answer, scored. `values` are addends; `correct` says right/wrong where the item has one (for flips).

    `flag` is "" or a short word ("unclear", "unjudged", "truncated", ...) that reports count and list.
    """

    item_id: str
    values: Addends
    reading: str = ""
    correct: bool | None = None
    flag: str = ""
    spans: tuple[Span, ...] = ()
    why: str = ""
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Formula:
    """A metric as a function of summed addends.

    `compute` gets a `Sums` (missing names read as 0). It is called with floats and with arrays of shape (R,), one
    entry a bootstrap resample, so it uses arithmetic only; divide with `over`, which is nan where the denominator
    is 0. nan means unknown and `unknown` says why in words.

    unit: "share" (0..1, shown as per cent), "points" (already on its own scale), "words", "count".
    headline: shown in the short table. group: the slice it speaks of ("adversarial", a question type), "" = all.
    role: "hallucination" or "helpfulness" (one of each a benchmark: the report sets them against each other), or "".
    """

    name: str
    compute: Callable[[Sums], Any]
    better: Better = "higher"
    unit: str = "share"
    group: str = ""
    headline: bool = False
    unknown: str = "nothing to divide by"
    about: str = ""
    role: str = ""


class Sums(Mapping[str, Any]):
    """Summed addends by name; a name nobody added is 0."""

    __slots__ = ("_sums",)

    def __init__(self, sums: Mapping[str, Any]) -> None:
        self._sums = sums

    def __getitem__(self, name: str) -> Any:
        return self._sums.get(name, 0.0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sums)

    def __len__(self) -> int:
        return len(self._sums)


def over(numerator: Any, denominator: Any) -> Any:
    """numerator / denominator, nan where the denominator is 0; for floats and for numpy arrays alike."""
    if hasattr(denominator, "shape"):
        empty = denominator == 0
        return (numerator / (denominator + empty)) * _nan_where(empty)
    return numerator / denominator if denominator else float("nan")


def _nan_where(empty: Any) -> Any:
    ones: Any = empty * 0.0 + 1.0
    ones[empty] = float("nan")
    return ones


def ratio(name: str, numerator: Sequence[str], denominator: Sequence[str], **about: Any) -> Formula:
    """A formula that divides one sum of addends by another: ratio("precision", ["tp"], ["tp", "fp"])."""

    def compute(sums: Sums) -> Any:
        return over(sum(sums[n] for n in numerator), sum(sums[n] for n in denominator))

    return Formula(name, compute, **about)


@dataclass(frozen=True, slots=True)
class Metric:
    """A formula's value over a sweep. `value` None is unknown and `why` says why; low/high: 95 % interval."""

    name: str
    value: float | None
    n: int
    better: Better = "higher"
    low: float | None = None
    high: float | None = None
    group: str = ""
    unit: str = "share"
    headline: bool = False
    why: str = ""

    @property
    def key(self) -> str:
        return f"{self.name}[{self.group}]" if self.group else self.name


@dataclass(frozen=True, slots=True)
class Example:
    """Documentation that is also tested: this answer to this item scores these addends."""

    item: Item
    answer: str
    values: Addends


# ---------------------------------------------------------------- alignment


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """One prompt with a better answer and one or more worse ones.

    `image` is relative to the data folder; `image_digest` is sha256 of the file; `meta` is provenance
    (tries, similarity, seed, ...) that training ignores.
    """

    id: str
    image: str
    image_digest: str
    prompt: str
    chosen: str
    rejected: tuple[str, ...]
    source: str
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights that answered. `digest` is of the weights and adapter, so overwritten weights are another checkpoint."""

    id: str
    base: str
    folder: str
    digest: str
    parent: str = ""  # digest of the checkpoint it was aligned from
    aligner: str = ""
    step: int = 0


@dataclass(frozen=True, slots=True)
class LabelEdit:
    """A reviewer's word on one label: `new` is "right", "flipped" or "removed"."""

    benchmark: str
    item_id: str
    field: str
    old: str
    new: str
    reviewer: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class ProtocolRecord:
    """Everything that can move a score besides the weights, as flat text facts (`Protocol` of the design).

    Two columns are put side by side only with the names of the facts in which they differ.
    """

    facts: Mapping[str, str]

    def differs_from(self, other: ProtocolRecord) -> dict[str, tuple[str, str]]:
        names = [*self.facts, *(n for n in other.facts if n not in self.facts)]
        pairs = {n: (self.facts.get(n, "(none)"), other.facts.get(n, "(none)")) for n in names}
        return {n: pair for n, pair in pairs.items() if pair[0] != pair[1]}


# ---------------------------------------------------------------- what a run leaves behind (input of reports)


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """One checkpoint on one benchmark, per item. `missing`: id of an item without an answer -> why.

    `answers` and `scores` are in the order of `items`, less the missing ones.
    """

    benchmark: str
    protocol: ProtocolRecord
    items: tuple[Item, ...]
    answers: tuple[Answer, ...]
    scores: tuple[Score, ...]
    formulas: tuple[Formula, ...]
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SweepResult:
    """One checkpoint on every benchmark of the sweep."""

    label: str  # "base", "aligned", or the name the user gave
    checkpoint: Checkpoint
    results: tuple[BenchmarkResult, ...]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What happened in one run: all that a report needs, nothing of where it lies.

    `sweeps[0]` is the baseline. `training` rows are TRL-named logs, one mapping a step ("step", "loss",
    "rewards/margins", "rewards/accuracies", "rewards/chosen", "logps/chosen", "learning_rate", "grad_norm", ...;
    keys starting with "time/" are timings and stay out of report.json).
    `pairs_report` is the source's yield report; `example_pairs` at most ten.
    `reward_accuracy`: reward model -> whose held-out pairs -> share it ranks rightly, None without pairs.
    `overlap`: image digests that training and benchmark share -> file names. `timings`: stage -> seconds.
    """

    run_id: str
    name: str
    complete: bool
    config_yaml: str
    command: str
    sweeps: tuple[SweepResult, ...]
    training: tuple[Mapping[str, float], ...] = ()
    pairs_report: Mapping[str, Any] = field(default_factory=dict)
    example_pairs: tuple[PreferencePair, ...] = ()
    reward_accuracy: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    overlap: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    data_folder: Path = Path()


# ---------------------------------------------------------------- plug-in protocols


@runtime_checkable
class Data(Protocol):
    """The data folder. Every path is relative to it, with forward slashes."""

    @property
    def folder(self) -> Path: ...
    def has(self, name: str) -> bool: ...
    def path(self, name: str) -> Path: ...  # DataError with what is missing and how to get it
    def read_text(self, name: str) -> str: ...
    def digest(self, name: str) -> str: ...  # sha256 of the file, remembered by size and time
    def cached(self, key: str, make: Callable[[], Any]) -> Any: ...  # JSON-able value, kept on disk by key


class Benchmark(Protocol):
    """load -> prompt -> score -> formulas. Pure but for `load`; options are the constructor's arguments."""

    version: int
    formulas: tuple[Formula, ...]
    examples: tuple[Example, ...]

    def load(self, data: Data) -> list[Item]: ...
    def decoding(self) -> Decoding: ...
    def prompt(self, item: Item) -> str: ...
    def score(self, item: Item, answer: Answer) -> Score: ...
    def facts(self) -> dict[str, str]: ...  # its part of the protocol: variant, vocabulary digest, row counts, ...


class Judge(Protocol):
    """Rates an answer. A benchmark that needs one gets it in its constructor as `judge`."""

    name: str
    version: str

    def judge(self, question: str, answer: str, facts: Mapping[str, Any], image: Path | None) -> Verdict: ...
    def rank(self, question: str, answers: tuple[str, str], facts: Mapping[str, Any], image: Path | None) -> Verdict:
        """Which of two answers is better: value 0 the first, 1 the second, 0.5 neither, None unjudged."""
        ...


class Model(Protocol):
    """A checkpoint that answers.

    `generate` yields answers as they are finished, as lists of (index into `requests`, Answer with item_id ""); those in
    `done` are known and not asked again. What is computed together is a function of `requests` and their answers alone.
    Raises PictureError at a picture it cannot read, Unanswered at its end; what was yielded before counts.
    """

    checkpoint: Checkpoint

    def facts(self) -> dict[str, str]: ...  # processor backend, dtype, attention implementation, ...
    def generate(self, requests: Sequence[Request], done: Mapping[int, Answer] = ...) -> Iterator[list[tuple[int, Answer]]]: ...


class Source(Protocol):
    """Makes preference pairs. `report()` is its yield report after `pairs` is exhausted."""

    def pairs(self, data: Data, model: Model, seed: int) -> Iterator[PreferencePair]: ...
    def report(self) -> dict[str, Any]: ...


Progress = Callable[[str, int, int], None]  # (what, done, total); behind a tab `what` may say how it goes


def no_progress(what: str, done: int, total: int) -> None:
    """The silent progress report."""


def in_order(pairs: Iterable[tuple[int, Any]], n: int) -> list[Any]:
    """Values by index: [(1, b), (0, a)] -> [a, b]."""
    values: list[Any] = [None] * n
    for index, value in pairs:
        values[index] = value
    return values
