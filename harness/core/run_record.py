"""What a run leaves behind, as plain frozen values: checkpoints, results per benchmark, and the record that reports read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core.evaluation import Answer, Formula, Item, Score
from harness.core.preference import PreferencePair

FACT_FROM_FILES = "answers"  # a fact of a protocol whose answers came from files: nothing is asked
FACT_FILES = "answer files"  # a fact: which files, by digest; where answers come from is no part of how they were measured
STRANGERS = "rows that match no item"  # a fact of a file's rows that are not scored: no part of it either
RESAMPLED = "intervals resample"  # a fact: the units of a benchmark's statistics, where it has a choice
IMAGES = "image digest"  # a fact: bytes of the images; results of older versions and of answers from files do not have it
ADAPTER = "adapter"  # a fact of checkpoints that keep one beside half-precision weights; no part of how they were measured
STOPPED = "stopped"  # a fact of a sweep that ended when its gate was decided: how
SERVED = "served model"  # a fact of a protocol whose model is behind a server: the name that it was asked for under
UNKNOWN_WEIGHTS = "not known by content"  # how the fact `weights` of such a model begins
OTHER_PROMPTS = "prompts that are not this benchmark's"  # a fact of answers that another tool asked for
LABELS, PUBLISHED_LABELS = "labels", "as published"  # a fact of benchmarks that know revised labels, and its usual value
OTHER_LABELS = "labels of the log"  # a fact of answers whose file states labels that differ from the data folder's: of how many
REPEATED = "rows that repeat another"  # a fact of question files that may hold a question twice: of how many
_OF_THE_FILES = (FACT_FROM_FILES, FACT_FILES, STRANGERS, REPEATED)  # told of files whose digests are compared; not compared
UNKNOWN_FACT = "unknown"  # how the value of a fact begins that a file does not tell
_ASKED = ("prompt (first item)", "decoding", "token limit")  # facts of every protocol whose model was asked here
JUDGES = ("judge", "extractor", "supported by")  # facts that may name a judge, the last two behind the word "judge"
JUDGE_CHECK = "judge on pairs that people ranked"  # a fact: what `judges check` found of that judge
AS_WRITTEN = "answers scored"  # a fact of a protocol under which answers are not cut before they are scored


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
class ProtocolRecord:
    """Everything that can move a score besides the weights, as flat text facts.

    Two columns are put side by side only with the names of the facts in which they differ, and of those that are not known of
    one of them: answers from files do not tell how they were asked.
    """

    facts: Mapping[str, str]

    def differs_from(self, other: ProtocolRecord, same_answers: bool = False) -> dict[str, tuple[str, str]]:
        """The facts that are known of both and differ. `same_answers`: then verdicts of other files are another judge's."""
        unknown = self.unknown_beside(other)
        pairs = {n: (self._stated(n), other._stated(n)) for n in self._names(other)}
        if IMAGES not in self.facts or IMAGES not in other.facts:
            pairs.pop(IMAGES, None)
        return {
            n: pair for n, pair in pairs.items() if pair[0] != pair[1] and (n not in unknown or (same_answers and n in JUDGES))
        }

    def unknown_beside(self, other: ProtocolRecord) -> tuple[str, ...]:
        """The facts of which it is not known whether they are the same; () where no answers came from files."""
        return tuple(dict.fromkeys((*self.unknown(other), *other.unknown(self))))

    def unknown(self, *others: ProtocolRecord) -> tuple[str, ...]:
        """Its own facts that are not known: of those that any of these protocols has, the ones that its files do not tell.
        The judge comes first."""
        named = [name for other in (self, *others) for name in self._names(other)]
        judges = [name for name in JUDGES if name in named]
        return tuple(name for name in dict.fromkeys((*judges, *_ASKED, *named)) if self._lacks(name))

    def _names(self, other: ProtocolRecord) -> list[str]:
        return [n for n in dict.fromkeys((*self.facts, *other.facts)) if n not in _OF_THE_FILES and n != ADAPTER]

    def _stated(self, name: str) -> str:
        return self.facts.get(name, "0" if name == OTHER_PROMPTS else "(none)")

    def _lacks(self, name: str) -> bool:
        value = self.facts.get(name)
        missing = value is None or value.startswith((UNKNOWN_FACT, FACT_FILES))
        return FACT_FROM_FILES in self.facts and missing and name not in (AS_WRITTEN, STOPPED, OTHER_LABELS)


def judge_named(facts: Mapping[str, str]) -> str:
    """The judge whose verdicts a protocol's scores rest on, with its version; "" where none was asked."""
    plain, *behind = (facts.get(name, "") for name in JUDGES)
    named = plain or next((fact.removeprefix("judge ") for fact in behind if fact.startswith("judge ")), "")
    return "" if named.startswith(("none", FACT_FILES)) else named


def nothing_to_say(item: Item) -> str:
    """Of an item whose benchmark does not describe its items."""
    return ""


def itself(parts: Sequence[Item]) -> Item:
    """Of an item whose benchmark does not take items apart."""
    return parts[0]


def no_labels(item: Item) -> Sequence[tuple[str, str]]:
    """Of an item whose benchmark has no labels of yes and no."""
    return ()


def one_row(item: Item) -> int:
    """Of an item that its benchmark counts once."""
    return 1


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """One checkpoint on one benchmark, per item. `missing`: id of an item without an answer -> why.

    `answers` and `scores` are in the order of `items`, less the missing ones. `subject` and `reference`: what an item asks
    about and what is true of it, in words, as the benchmark tells (`DescribesItems`); `asked_object`: the object whose presence
    it asks about (`AsksAboutObjects`), "" for other questions; `rows`: how often its metrics count it;
    `labels_by_slice`: (slice, yes or no) of each of these rows (`CountsYesNo`). `whole`: all parts of an item that was taken
    apart -> that item.
    `judged_again`: a sample of the answers, scored with second verdicts of the judge, each with what it alone changes in
    metrics over several items. `rating`: the addend that is the judge's rating; `unread_counts`: see `CountsUnread`.
    `together`: as `ScoresTogether`, of some of these items and scores, without asking a judge; None without such metrics.
    """

    benchmark: str
    protocol: ProtocolRecord
    items: tuple[Item, ...]
    answers: tuple[Answer, ...]
    scores: tuple[Score, ...]
    formulas: tuple[Formula, ...]
    missing: Mapping[str, str] = field(default_factory=dict)
    subject: Callable[[Item], str] = field(default=nothing_to_say, compare=False)
    reference: Callable[[Item], str] = field(default=nothing_to_say, compare=False)
    asked_object: Callable[[Item], str] = field(default=nothing_to_say, compare=False)
    whole: Callable[[Sequence[Item]], Item] = field(default=itself, compare=False)
    rows: Callable[[Item], int] = field(default=one_row, compare=False)
    labels_by_slice: Callable[[Item], Sequence[tuple[str, str]]] = field(default=no_labels, compare=False)
    judged_again: tuple[Score, ...] = ()
    rating: str = ""
    unread_counts: str = ""
    together: Callable[[Sequence[Item], Sequence[Score]], Sequence[Score]] | None = field(default=None, compare=False)

    @property
    def units(self) -> str:
        """What statistics resample: "images", what the protocol names ("objects"), or groups of several images."""
        images: dict[str, str] = {}
        alone = all(images.setdefault(item.cluster, item.image) == item.image for item in self.items)
        return self.protocol.facts.get(RESAMPLED) or ("images" if alone else "groups of images")


@dataclass(frozen=True, slots=True)
class SweepResult:
    """One checkpoint on every benchmark of the sweep."""

    label: str  # "base", "aligned", or the name the user gave
    checkpoint: Checkpoint
    results: tuple[BenchmarkResult, ...]


@dataclass(frozen=True, slots=True)
class StudyNotes:
    """Sentences on a study: `rows` of the paper's table that its arms are, `shared` prompts of its arms, arms that are `unlike`
    though the paper has them on the same prompts (or alike where they should differ), rows of the paper's table that are
    `not_run` and why, what the paper leaves `open` and what was taken, benchmarks of which only a `partial` sweep was asked,
    what the paper says of the `finding` that the study is about, and `departures` from what the paper prints."""

    rows: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    finding: tuple[str, ...] = ()
    departures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerUse:
    """Requests to a server (None: nobody counted them) and what they cost in US dollars; None is unknown (no prices given)."""

    requests: int | None
    dollars: float | None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The record of one run: all that a report needs, without paths.

    `sweeps[0]` is the baseline. `training` rows are TRL-named logs, one mapping a step ("step", "loss",
    "rewards/margins", "rewards/accuracies", "rewards/chosen", "logps/chosen", "learning_rate", "grad_norm", ...;
    keys starting with "time/" are timings and stay out of report.json).
    `pairs_report` is the source's yield report; `example_pairs` at most ten.
    `reward_accuracy`: reward model -> whose held-out pairs -> share it ranks rightly, None without pairs.
    `served`: label of a sweep, or name of a reward model -> "answers", "judge", "pairs" or "training" (its annotator) -> what
    servers were asked for; without an entry none was.
    `reward_pairs`: whose held-out pairs -> how many comparisons; empty where an older version did not keep it.
    `reward_pairs_left_out`: whose held-out pairs -> how many comparisons a reward model was trained on the images of.
    `rater_checks`: reward model, or judge and arm, that rated answers in training -> how it agrees with people, in words.
    `reward_notes`: reward model -> what its training reports in words. `overlap_rewards`: reward model by which the checkpoint
    was trained -> as `overlap`, of the images of its pairs.
    `overlap`: image digests that training and benchmark share -> file names; `overlap_unknown`: why it is not known, or not
    of all images. `timings`: stage -> seconds. `caveats`: those of the `notes` without which its numbers are read wrongly.
    `can_continue`: its command, given again, is not refused for benchmarks whose version has changed since.
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
    served: Mapping[str, Mapping[str, ServerUse]] = field(default_factory=dict)
    reward_pairs: Mapping[str, int] = field(default_factory=dict)
    reward_pairs_left_out: Mapping[str, int] = field(default_factory=dict)
    rater_checks: Mapping[str, str] = field(default_factory=dict)
    overlap: Mapping[str, str] = field(default_factory=dict)
    overlap_unknown: str = ""
    overlap_rewards: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    reward_notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    can_continue: bool = True
    data_folder: Path = Path()
    study: StudyNotes = field(default_factory=StudyNotes)
    begun: str = ""  # ISO time
