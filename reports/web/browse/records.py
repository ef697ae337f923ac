"""What the run browser shows, as plain values, and which items a filter leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.core.evaluation import Answer, Item, Score

SHOWS = ("all", "right", "wrong", "gained", "lost", "flagged", "missing")


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in the list. `checkpoints` and `benchmarks` are those with stored results, in sweep order."""

    id: str
    name: str
    begun: str
    state: str
    checkpoints: tuple[str, ...]
    benchmarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FleetTable:
    """How a fleet goes that works now: a row a worker, and one sentence."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    summary: str


@dataclass(frozen=True, slots=True)
class RunCard:
    """A run's own page. `summary` is its report.json, empty where there is none yet; `digests`: checkpoint -> weights."""

    line: RunLine
    command: str
    config: str
    versions: Mapping[str, str]
    data_folder: Path
    digests: Mapping[str, str]
    summary: Mapping[str, Any] = field(default_factory=dict)
    has_report: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """One answer in a list: right, wrong or neither (None); its flag; False `answered` where there is none."""

    correct: bool | None
    flag: str
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Listing:
    """All items of one benchmark in one run; `marks`: checkpoint -> one mark an item, in the order of the items."""

    benchmark: str
    items: tuple[Item, ...]
    marks: Mapping[str, Sequence[Mark]]

    @property
    def checkpoints(self) -> tuple[str, ...]:
        return tuple(self.marks)


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One checkpoint's answer to one item, its score and verdict; None where it has no answer."""

    checkpoint: str
    answer: Answer | None
    score: Score | None


class Archive(Protocol):
    """Where runs are read from (`harness.results.archive.StoredArchive`). None: not found."""

    def runs(self) -> list[RunLine]: ...
    def fleet(self) -> FleetTable | None: ...
    def run(self, id: str) -> RunCard | None: ...
    def listing(self, run: str, benchmark: str) -> Listing | None: ...
    def item_results(self, run: str, benchmark: str, listing: Listing, place: int) -> list[ItemResult]: ...
    def prompt(self, run: str, benchmark: str, item: Item) -> str: ...
    def references(self, run: str, benchmark: str) -> Callable[[Item], str]: ...  # what is true of an item, in words
    def report(self, run: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Filter:
    """`show`: one of SHOWS, as `checkpoint` answered; gained and lost are against the first one. `words` in the question."""

    show: str = "all"
    checkpoint: str = ""
    words: str = ""

    def chosen(self, listing: Listing) -> list[int]:
        """Places of the items that pass, in their order."""
        marks = listing.marks.get(self.checkpoint) or next(iter(listing.marks.values()), ())
        first = next(iter(listing.marks.values()), ())
        words = self.words.casefold().split()
        return [
            place
            for place, (item, mark, before) in enumerate(zip(listing.items, marks, first, strict=True))
            if self._passes(mark, before) and all(word in f"{item.question} {item.id}".casefold() for word in words)
        ]

    def _passes(self, mark: Mark, before: Mark) -> bool:
        if self.show == "right":
            return mark.correct is True
        if self.show == "wrong":
            return mark.correct is False
        if self.show == "gained":
            return mark.correct is True and before.correct is False
        if self.show == "lost":
            return mark.correct is False and before.correct is True
        if self.show == "flagged":
            return bool(mark.flag)
        return not mark.answered if self.show == "missing" else True


def sorted_runs(lines: Sequence[RunLine], by: str, down: bool) -> list[RunLine]:
    """By a column of the list; runs that are alike in it stay in the order in which they were begun."""
    keys = {
        "name": lambda line: line.name.casefold(),
        "state": lambda line: line.state,
        "checkpoints": lambda line: len(line.checkpoints),
        "benchmarks": lambda line: len(line.benchmarks),
        "run": lambda line: line.id,
    }
    ordered = sorted(lines, key=lambda line: line.begun)
    return sorted(ordered, key=keys[by], reverse=down) if by in keys else ordered[:: -1 if down else 1]
