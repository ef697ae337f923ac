"""The contracts of the plug-ins, as protocols: what a benchmark, a judge, a model or a source must offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.core.evaluation import Answer, Decoding, Example, Formula, Item, Request, Score, Verdict
from harness.core.preference import PreferencePair
from harness.core.run_record import Checkpoint


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
    Raises ImageError at an image it cannot read, Unanswered at its end; what was yielded before counts.
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
