"""What a run stores besides its results: one dataclass for each kind, kept by run, checkpoint and benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from harness.core.evaluation import Score
from harness.core.flags import JOINT, UNJUDGED
from harness.core.preference import PreferencePair
from harness.storage import codec


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored by-product. `kind` is its name in the store; the fields are its value."""

    kind: ClassVar[str]

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """From the stored fields; a list becomes a tuple."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})


@dataclass(frozen=True, slots=True)
class Pairs(Artifact):
    """The preference pairs of an arm: the source's yield report, at most ten of them, and the digests of all images.

    source: digest of the rows that they were made of. file: of pairs.jsonl as it was made. "" where unknown, as in older runs.
    """

    kind = "pairs"
    report: Mapping[str, Any]
    examples: tuple[PreferencePair, ...] = ()
    images: tuple[str, ...] = ()
    source: str = ""
    file: str = ""

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        examples = tuple(codec.pair(row) for row in fields["examples"])
        return cls(fields["report"], examples, tuple(fields["images"]), fields.get("source", ""), fields.get("file", ""))


@dataclass(frozen=True, slots=True)
class TrainingLog(Artifact):
    """The training of an arm: one mapping a step (see `RunRecord.training`), and what it reports in words.

    rated_by: who rated or ranked answers in it, {"annotator": judge} or {"reward": name, "reward digest": weights}; empty where
    nobody did, and of older runs.
    digest: of the checkpoint as it was when the training ended; "" of fleets and of older runs.
    code: digests of the code that took its steps, in their order, "" of a version that kept none; () of older runs.
    """

    kind = "training_log"
    steps: tuple[Mapping[str, float], ...] = ()
    notes: tuple[str, ...] = ()
    rated_by: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    code: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MissingItems(Artifact):
    """Items of a benchmark that a checkpoint has no answer to: id -> why."""

    kind = "missing_items"
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgeRepeats(Artifact):
    """A sample of a checkpoint's answers on a benchmark, scored with second verdicts of the judge.

    version: 1, of older runs, drew from verdicts that could be read for sure, and scored the sample as if it were all items.
    """

    kind = "judge_repeats"
    scores: tuple[Score, ...] = ()
    version: int = 2

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        return cls(tuple(codec.score(row) for row in fields["scores"]), fields.get("version", 1))

    def stands_for(self, scores: Sequence[Score]) -> bool:
        """Whether its noise is that of a result's scores: where old samples lack none of them and no metric is over several."""
        judged = [score for score in scores if score.verdict is not None and score.flag != UNJUDGED]
        unlike = any(score.verdict is not None and score.verdict.value is None for score in judged)
        return self.version > 1 or not (unlike or any(name.startswith(JOINT) for score in scores for name in score.values))


@dataclass(frozen=True, slots=True)
class ServerCost(Artifact):
    """What servers charged for a checkpoint's answers on a benchmark and for the judge's verdicts, over all attempts.

    Each is empty where no server was used; see `harness.models._server.usage` for its fields.
    """

    kind = "server_cost"
    answers: Mapping[str, Any] = field(default_factory=dict)
    judge: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArmCost(Artifact):
    """What servers charged for making an arm's pairs and for the annotator of its training, over all attempts.

    Fields as those of `ServerCost`; empty where no server was asked, None where nobody counted, as in older runs. Each process
    that trains keeps one of its own, all but the first under the benchmark "process N".
    """

    kind = "arm_cost"
    pairs: Mapping[str, Any] | None = None
    training: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Timings(Artifact):
    """Wall time of a run by stage, in seconds, over all attempts."""

    kind = "timings"
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RewardAccuracy(Artifact):
    """Reward model -> source of the held-out pairs -> share that it ranks correctly; None without pairs.

    pairs: source of the held-out pairs -> comparisons of a chosen with a rejected answer; unknown of older runs.
    digests: reward model -> digest of its weights, by which `judges check` names it; unknown of older runs.
    left_out: source of the held-out pairs -> comparisons not in `pairs`, since a reward model trained on their images; None of
    older runs, which left none out.
    """

    kind = "reward_accuracy"
    shares: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    pairs: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class SharedPrompts(Artifact):
    """How many prompts arms have in common (image and question), a mapping for each group of arms:

    {"arms": [names], "common": prompts that all have, "most": prompts of the arm with most, "meant": whether the study means
    them to be the same}.
    """

    kind = "shared_prompts"
    groups: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class PluginFiles(Artifact):
    """Part of a run ("training of dpo") -> plug-in of another distribution -> digest of its files when that part was begun."""

    kind = "plugin_files"
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
