"""Cases and votes of the label audit: labels under review, and the judgements of reviewers.

Standard library only, like the contract: reports rank and draw these, the store keeps them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from harness.core.digests import text_digest, value_digest
from harness.core.evaluation import Item, Span
from harness.core.files import storable

JUDGEMENTS = ("right", "wrong", "ambiguous", "skip")
MARKS = ("missed", "false alarm")
NOUN, VERDICT = "noun/", "verdict/"  # fields of cases without a label: a noun outside the vocabulary, a judge's rating
CAPTION = "caption/"
RATED = "\n\nThe answer that was rated: "


class Key(NamedTuple):
    """What a vote is on. A label that changed since is another case, and so is that of another question under the same id."""

    benchmark: str
    item_id: str
    field: str
    label: str
    about: str = ""  # see `about`; "" in votes that earlier versions kept


@dataclass(frozen=True, slots=True)
class Box:
    """An annotated instance: pixels from the upper left corner of the image."""

    name: str
    x: float
    y: float
    width: float
    height: float
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One label in the review queue, ranked by `suspicion` (0..1, higher first).

    `field` names the label of the item: "label" for POPE, a COCO class for CHAIR. `control` cases were drawn at
    random, so that the error rate of all labels can be estimated. `answers`: checkpoint -> its answer; `model_evidence`:
    reasons that reveal answers of checkpoints. A reviewer sees both only after a judgement of their own.

    A case with a `caption` asks not for a label but for marks in that one answer: `spans` are the scorer's, and `field` is
    `caption_field(caption, spans)`, so that the same text of two checkpoints, marked alike, is one case. `rated` is the answer
    that a judge's verdict is about; it is shown from the start, because the verdict cannot be judged without it.
    """

    benchmark: str
    item_id: str
    field: str
    label: str
    image: str
    question: str
    suspicion: float
    reasons: tuple[str, ...] = ()
    control: bool = False
    answers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    boxes: tuple[Box, ...] = ()
    caption: str = ""
    spans: tuple[Span, ...] = ()
    model_evidence: tuple[str, ...] = ()
    rated: str = ""
    drawn: int = 0  # a control case's place in the draw
    about: str = ""  # see `about`

    @property
    def key(self) -> Key:
        return Key(self.benchmark, self.item_id, self.field, self.label, self.about)

    @property
    def shown(self) -> str:
        """The question as files for reviewers have it, with the answer that was rated."""
        return f"{self.question}{RATED}{self.rated}" if self.rated else self.question


@dataclass(frozen=True, slots=True)
class Vote:
    """A reviewer's judgement of one case, never deleted: a later vote of the same reviewer supersedes it, "undo" withdraws it.

    `label` is the label as it stood when the reviewer looked. `spans`: marks in a caption, kind "missed" (a hallucination
    that the scorer did not see) or "false alarm"; `answer` is the caption that they count in. `adjudication`: the vote that
    settles a disagreement. On a caption, "right" means that the scorer's marks are right, "wrong" that `spans` correct them.
    """

    benchmark: str
    item_id: str
    field: str
    label: str
    judgement: str  # one of JUDGEMENTS, or "undo"; column `word` of the store
    reviewer: str
    at: str
    comment: str = ""
    answer: str = ""
    spans: tuple[Span, ...] = ()
    adjudication: bool = False
    about: str = ""  # see `about`

    @property
    def key(self) -> Key:
        return Key(self.benchmark, self.item_id, self.field, self.label, self.about)


def about(item: Item, field: str, free_text: bool) -> str:
    """Which question a label is of, as 16 digits of a sha256: of the image's file name (folders differ between machines) and,
    where the label is not of the image itself (`free_text`, nouns, captions), the object that is asked about (`object` of the
    truth, the same in all wordings) or else the question's words.

    Ids alone do not tell: many benchmarks number their rows, and two question files of one benchmark number others.
    """
    asked = "" if free_text or field.startswith((NOUN, CAPTION)) else item.truth.get("object") or item.question
    return value_digest([PurePosixPath(item.image).name, " ".join(str(asked).split())])[:16]


def caption_field(caption: str, spans: Iterable[Span]) -> str:
    """The field of a case about one caption and the scorer's marks in it: "caption/", 12 digits of sha256 of each.

    Marks of people correct these marks alone: another variant or version of the scorer may mark the same text otherwise.
    """
    judged = sorted((span.start, span.end, span.kind) for span in spans if span.kind != "uncovered")
    return f"{caption_field_without_spans(caption)}/{value_digest(judged)[:12]}"


def caption_field_without_spans(caption: str) -> str:
    """The field that votes of earlier versions have, which does not say against which marks they were cast."""
    return f"{CAPTION}{text_digest(storable(caption))[:12]}"
