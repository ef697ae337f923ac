"""The content of a report, as plain frozen values: the input of every writer.

Nothing here is formatted, nothing is read from a disc but the thumbnails, which writers ask `reports/page/thumbnails.py` for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core.preference import PreferencePair
from harness.core.run_record import StudyNotes
from reports.values.details import (
    Caption,
    Confusion,
    Failures,
    Flip,
    ObjectCount,
    ProtocolDifference,
    Reliability,
    UnknownProtocol,
)
from reports.values.gate import Gate
from reports.values.judge_noise import JudgeNoise
from reports.values.label_audit import Effect
from reports.values.questions import Cost, Question
from reports.values.seeds import Seeds
from reports.values.table import Column, Row, Table


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
class SeedRow:
    """One metric of one method over several seeds."""

    method: str
    benchmark: str
    key: str
    unit: str
    better: str
    headline: bool
    values: Seeds
    difference: Seeds | None  # to the baseline; None for the baseline itself


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The report in words. `headline` is empty unless one checkpoint stands against its baseline.

    `worse` names every significant loss, those outside the headline table too; `scope` says what the intervals leave out;
    `same`: which columns are the baseline's own checkpoint, measured otherwise, or one under several names; `overlap`: images
    of benchmarks that were trained on; `doubt`: of which benchmarks most answers could not be read plainly.
    """

    headline: str
    improved: str
    worse: str
    unknown: str
    scope: str = ""
    same: str = ""
    overlap: str = ""
    doubt: str = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        return self.overlap, self.doubt, self.same, self.improved, self.worse, self.unknown, self.scope


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
    column: str  # label of its checkpoint's column; its name where that is not swept
    complete: bool
    command: str
    config_yaml: str
    versions: Mapping[str, str]
    digests: Mapping[str, str]  # label -> checkpoint digest
    notes: tuple[str, ...]
    caveats: tuple[str, ...]  # those of the notes without which its numbers are read wrongly
    can_continue: bool  # see `RunRecord`
    overlap: Mapping[str, str]
    overlap_unknown: str
    overlap_rewards: Mapping[str, Mapping[str, str]]  # reward model by which it was trained -> as `overlap`, of its pairs
    pairs_report: Mapping[str, Any]
    example_pairs: tuple[PreferencePair, ...]
    timings: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The content of a report. Built by `reports.comparison.compare.compare`."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    short: Table  # seeds of one method put together; else the same columns and rows
    verdict: Conclusion
    protocols: Mapping[str, Mapping[str, str]]  # benchmark -> the facts of the first column that has it
    protocol_differences: tuple[ProtocolDifference, ...] = ()
    protocol_unknown: tuple[UnknownProtocol, ...] = ()
    flips: tuple[Flip, ...] = ()
    captions: tuple[Caption, ...] = ()
    failures: tuple[Failures, ...] = ()
    training: tuple[Curve, ...] = ()
    training_times: tuple[Curve, ...] = ()
    length_curves: tuple[Curve, ...] = ()
    objects: tuple[ObjectCount, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    seeds: tuple[SeedRow, ...] = ()
    judge_noise: tuple[JudgeNoise, ...] = ()
    reward_accuracy: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    reward_pairs: Mapping[str, int] = field(default_factory=dict)  # whose held-out pairs -> their comparisons
    reward_pairs_left_out: Mapping[str, int] = field(default_factory=dict)  # those that a reward model was trained on
    rater_checks: Mapping[str, str] = field(default_factory=dict)  # who rated answers in training -> agreement with people
    reward_notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # reward model -> notes on its training
    published_rewards: tuple[PublishedRow, ...] = ()
    runs: tuple[RunFacts, ...] = ()
    published: tuple[PublishedRow, ...] = ()
    study: StudyNotes = field(default_factory=StudyNotes)
    questions: tuple[Question, ...] = ()  # what the arms vary, and direct tests between arms that differ in nothing else
    costs: tuple[Cost, ...] = ()  # of each checkpoint or method
    reward_costs: tuple[str, ...] = ()  # what servers were asked for reward models, a sentence each
    audit: Effect | None = None  # the same runs under audited labels
    gate: Gate | None = None  # the verdict of a policy
    data_folders: tuple[Path, ...] = field(default=(), compare=False)
    subtitle: tuple[str, ...] = ()  # model, data, items, training seeds
    dates: tuple[str, ...] = ()  # of the runs, not part of what must be the same for the same study

    @property
    def incomplete(self) -> tuple[str, ...]:
        return tuple(run.name for run in self.runs if not run.complete)

    @property
    def benchmarks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.benchmark for row in self.rows))
