"""What a report says, as plain frozen values: the input of every writer.

A *column* is a checkpoint (the first is the baseline), a *row* is a metric. Nothing here is formatted, nothing is
read from a disc but the thumbnails, which writers ask `reports/pictures.py` for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.contract import Item, PreferencePair, Span
from reports.asked import subject, truth_text
from reports.paired import Difference
from reports.seeds import Seeds

Sure = str  # "better", "worse", "changed" (where neither direction is better) or "": cannot be told


@dataclass(frozen=True, slots=True)
class Column:
    """One checkpoint of the table."""

    label: str
    run_id: str
    run_name: str
    checkpoint: str
    digest: str
    aligner: str
    complete: bool
    is_baseline: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one checkpoint. `value` None is unknown and `why` says why; n: items that move the metric."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    why: str = ""
    difference: Difference | None = None  # to the baseline, over the items that both answered
    n_paired: int = 0
    n_left_out: int = 0
    p_holm: float | None = None
    sure: Sure = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric across all columns; a cell is None where the column lacks the benchmark."""

    benchmark: str
    metric: str
    group: str
    better: str
    unit: str
    headline: bool
    about: str
    cells: tuple[Cell | None, ...]

    @property
    def key(self) -> str:
        return f"{self.metric}[{self.group}]" if self.group else self.metric


@dataclass(frozen=True, slots=True)
class ProtocolDifference:
    """A fact in which a column's protocol differs from the baseline's."""

    benchmark: str
    column: str
    fact: str
    baseline: str
    other: str


@dataclass(frozen=True, slots=True)
class Flip:
    """An item whose answer became right ("gained") or wrong ("lost") from the baseline to a column."""

    benchmark: str
    column: str
    kind: str
    item: Item
    before: str
    after: str
    why: str = ""

    @property
    def subject(self) -> str:
        """The object or type that the item asks about, where its truth or its question names one."""
        return subject(self.item)

    @property
    def truth(self) -> str:
        return truth_text(self.item)


@dataclass(frozen=True, slots=True)
class Side:
    """One column's answer with the spans that were found right, invented, or beyond the vocabulary."""

    column: str
    text: str
    spans: tuple[Span, ...]

    def count(self, kind: str) -> int:
        return sum(span.kind == kind for span in self.spans)


@dataclass(frozen=True, slots=True)
class Caption:
    """One item with spans, as every column answered it."""

    benchmark: str
    item_id: str
    image: str
    question: str
    sides: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class Failures:
    """What went wrong on one benchmark for one column: counted, never scored in silence."""

    benchmark: str
    column: str
    items: int
    answered: int
    missing: int
    truncated: int
    unjudged: int
    flags: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Curve:
    """Numbers against numbers: a training log or a metric against length. `low`/`high` are empty without intervals."""

    name: str
    column: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectCount:
    """One object in one column. For captions: right / invented mentions; for yes/no items: the confusion."""

    benchmark: str
    subject: str
    column: str
    counts: Mapping[str, int]
    seen_with: Mapping[str, int] = field(default_factory=dict)  # true objects around it, how often


@dataclass(frozen=True, slots=True)
class SeedRow:
    """One metric of one method over several seeds."""

    method: str
    benchmark: str
    key: str
    unit: str
    better: str
    values: Seeds
    difference: Seeds  # to the baseline


@dataclass(frozen=True, slots=True)
class Verdict:
    """The report in words. `headline` is empty unless one checkpoint stands against its baseline."""

    headline: str
    improved: str
    worse: str
    unknown: str

    @property
    def sentences(self) -> tuple[str, str, str]:
        return self.improved, self.worse, self.unknown


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A row of somebody else's table: another model, another protocol."""

    table: str
    method: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """How one run came about: what is needed to do it again."""

    run_id: str
    name: str
    complete: bool
    command: str
    config_yaml: str
    versions: Mapping[str, str]
    digests: Mapping[str, str]  # label -> checkpoint digest
    notes: tuple[str, ...]
    overlap: Mapping[str, str]
    pairs_report: Mapping[str, Any]
    example_pairs: tuple[PreferencePair, ...]
    timings: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything a report says. Built by `reports.compare.compare`."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    verdict: Verdict
    protocols: Mapping[str, Mapping[str, str]]  # benchmark -> the baseline's facts
    protocol_differences: tuple[ProtocolDifference, ...] = ()
    flips: tuple[Flip, ...] = ()
    captions: tuple[Caption, ...] = ()
    failures: tuple[Failures, ...] = ()
    training: tuple[Curve, ...] = ()
    training_times: tuple[Curve, ...] = ()
    length_curves: tuple[Curve, ...] = ()
    objects: tuple[ObjectCount, ...] = ()
    seeds: tuple[SeedRow, ...] = ()
    reward_accuracy: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    runs: tuple[RunFacts, ...] = ()
    published: tuple[PublishedRow, ...] = ()
    data_folders: tuple[Path, ...] = field(default=(), compare=False)

    @property
    def incomplete(self) -> tuple[str, ...]:
        return tuple(run.name for run in self.runs if not run.complete)

    @property
    def benchmarks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.benchmark for row in self.rows))
