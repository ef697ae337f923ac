"""Evaluation as plain frozen values: what is asked, what is answered, how an answer is scored, what a metric is.

Standard library and our errors only, so that every package can import it. The life of a number, top to bottom:

    Item -> Request -> Answer -> (Verdict) -> Score -> Formula over summed scores -> Metric

A score holds *addends*: numbers that may be summed over items. A metric is a formula over such sums. That gives intervals
(resample the images, sum again, apply the formula again), paired differences, slices and re-scoring, without the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.core.errors import ConfigError
from harness.core.preference import Images

Better = str  # "higher", "lower" or "neither"
Number = Any  # a float, or an array of floats, (R,), one a resample: numpy may not be imported here
Addends = Mapping[str, float]  # name -> number that may be summed over items


@dataclass(frozen=True, slots=True)
class Item:
    """One question. `image`: path in the data folder; `group`: what statistics resample, "": image; `truth`: for the scorer."""

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
    """How an answer is produced: `temperature` 0 is greedy, `seed` the request's own. ConfigError where none could follow."""

    max_new_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()  # generation ends after the first of these strings, which is kept
    min_new_tokens: int = 0

    def __post_init__(self) -> None:
        wrong = {
            f"max_new_tokens is {self.max_new_tokens}; an answer needs at least 1 token": self.max_new_tokens < 1,
            f"temperature is {self.temperature}; it must be 0 (greedy) or more": not self.temperature >= 0,
            f"top_p is {self.top_p}; it must be above 0 and at most 1": not 0 < self.top_p <= 1,
            "stop contains an empty string, which would end every answer before it begins": "" in self.stop,
        }
        for why in (why for why, is_wrong in wrong.items() if is_wrong):
            raise ConfigError(f"These decoding settings cannot be used: {why}.")


@dataclass(frozen=True, slots=True)
class HiddenImage:
    """Hide image tokens: i stays visible iff rho_i >= share, rho_i ~ U(0,1) (paper, Eq. 6); same seed and image, same mask."""

    share: float
    seed: int
    positions: str = "kept"  # of what follows a hidden token; "closed": as if it were not there
    newlines: str = "counted"  # LLaVA-1.6's, among the tokens that may be hidden; "shown": never hidden


@dataclass(frozen=True, slots=True)
class NoisyImage:
    """Show the image under Gaussian noise: `steps` of 1000 diffusion steps (paper, Eqs. 8-9); `seed` draws it."""

    steps: int
    seed: int


@dataclass(frozen=True, slots=True)
class Request:
    """One answer to generate: `prefix` is the given start of the answer."""

    image: Images
    text: str
    decoding: Decoding = Decoding()
    prefix: str = ""
    hidden_image: HiddenImage | None = None
    noise: NoisyImage | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, without the prefix. `stopped`: "end", "stop" (a stop string), "length". -1 tokens and "" are unknown."""

    item_id: str
    text: str
    n_tokens: int
    stopped: str
    latency_s: float = 0.0
    yes_nats: float | None = None  # log-odds of yes against no in nats, where the model gives them
    token_ids: tuple[int, ...] | None = None  # as sampled, the end token too; None: not reported, or a stored answer
    token_logps: tuple[float, ...] | None = None  # of each at the request's temperature (top-p aside), in nats; None as above
    host: str | None = field(default=None, compare=False)  # that gave it, where a fleet did; kept in the store, in no report
    option_nats: Mapping[str, float] | None = None  # log-probability of each answer that the benchmark offers, in nats
    model: str | None = field(default=None, compare=False)  # that a server's reply names


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of an answer; `kind` is "found", "invented", "uncovered" (not judged) or "covered" elsewhere."""

    start: int
    end: int
    kind: str
    node: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's verdict on one answer. `value` None means unjudged; `raw` is the judge's own text."""

    value: float | None
    reading: str
    raw: str
    judge: str
    judge_version: str
    asked: str = field(default="", compare=False)  # the model that a server was asked for, "" where its reply names none
    model: str = field(default="", compare=False)  # the one that its reply names


@dataclass(frozen=True, slots=True)
class Score:
    """One answer, scored. `values` are addends; `correct` says right/wrong where the item has one (for flips); `flag` is "" or
    a short word ("unclear", "unjudged", "truncated", ...) that reports count and list."""

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

    `compute` gets a `Sums` (missing names read as 0), of floats or of arrays (R,), one entry a bootstrap resample, so it uses
    arithmetic only; divide with `over`, nan where the denominator is 0. nan means unknown and `unknown` says why in words.
    unit: "share" (0..1, shown as per cent), "points" (already on its own scale), "words", "count".
    headline: shown in the short table. group: the slice it is about ("adversarial", a question type), "" = all.
    parts: metrics that must all have a value, and images enough for an interval and a test; the reasons name those without.
    bounds: least and greatest value by definition; (0, 200): intervals are of a share of it, (0, inf): of a ratio above 1, too.
    role: "hallucination" or "helpfulness" (one of each a benchmark: the report sets them against each other), or "".
    title: its name in reports where that is not `name` in words. published_as: its column in the study's tables, or "".
    """

    name: str
    compute: Callable[[Sums], Number]
    better: Better = "higher"
    unit: str = "share"
    group: str = ""
    headline: bool = False
    unknown: str = "nothing to divide by"
    about: str = ""
    role: str = ""
    title: str = ""
    published_as: str = ""
    bounds: tuple[float, float] | None = None
    parts: tuple[Formula, ...] = ()


class Sums(Mapping[str, Number]):
    """Summed addends by name; a name nobody added is 0."""

    __slots__ = ("_sums",)

    def __init__(self, sums: Mapping[str, Number]) -> None:
        self._sums = sums

    def __getitem__(self, name: str) -> Number:
        return self._sums.get(name, 0.0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sums)

    def __len__(self) -> int:
        return len(self._sums)


def over(numerator: Number, denominator: Number) -> Number:
    """numerator / denominator, nan where the denominator is 0; for floats and for numpy arrays alike."""
    if isinstance(denominator, int | float):
        return numerator / denominator if denominator else float("nan")
    empty = denominator == 0
    ones: Number = empty * 0.0 + 1.0
    ones[empty] = float("nan")
    return (numerator / (denominator + empty)) * ones


def rounded(value: Number, digits: int) -> Number:
    """As Python rounds, and published scripts, for floats and numpy arrays; numpy makes 115.2 of 115.14999999999999."""
    if isinstance(value, int | float):
        return round(float(value), digits)  # a numpy scalar is a float that rounds as numpy does
    exact = value.copy()
    exact.flat = [round(number, digits) for number in value.ravel().tolist()]
    return exact


def ratio(name: str, numerator: Sequence[str], denominator: Sequence[str], **about: Any) -> Formula:
    """A formula that divides one sum of addends by another: ratio("precision", ["tp"], ["tp", "fp"])."""
    return Formula(name, lambda sums: over(sum(sums[n] for n in numerator), sum(sums[n] for n in denominator)), **about)


@dataclass(frozen=True, slots=True)
class Metric:
    """A formula's value over a sweep. `why`: why the value, or else its interval, is unknown; low/high: 95 % interval."""

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


@dataclass(frozen=True, slots=True)
class LabelEdit:
    """A reviewer's judgement on one label: `new` is "right", "flipped" or "removed"."""

    benchmark: str
    item_id: str
    field: str
    old: str
    new: str
    reviewer: str
    reason: str
    at: str
    about: str = ""  # digest of the question that the label is of; "" where only the item's id is known
