"""Evidence for and against labels, as plain values: claims of a benchmark, annotations of its images, answers.

Standard library only, like the contract. A benchmark whose labels can be audited has the methods of `Auditable`; everything
else (ranking, review, revisions, effect) then works for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from harness.core.evaluation import Answer, Item, LabelEdit, Score
from harness.core.plugins import Data
from harness.labels.cases import Box


@dataclass(frozen=True, slots=True)
class Claim:
    """One label: the object is in the image (label "yes") or is not ("no").

    `object_name` is a name shared by all benchmarks on the same annotations (COCO's class); `groups` are the slices that the
    label counts in (POPE's splits).
    """

    item_id: str
    field: str
    label: str
    object_name: str
    groups: tuple[str, ...] = ()


class Named(NamedTuple):
    """A reference caption names an object, by this word."""

    caption: int
    object_name: str
    word: str


@dataclass(frozen=True, slots=True)
class ImageAnnotations:
    """Annotations of one image: boxes (their names are objects), captions, the objects that these name; size in px."""

    boxes: tuple[Box, ...] = ()
    captions: tuple[str, ...] = ()
    named: tuple[Named, ...] = ()
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class ImpliedLabel:
    """The label that an answer implies. `nats`: log-odds of yes, where the model gave them."""

    yes: bool
    nats: float | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """One checkpoint on one benchmark: item id -> answer, and (item id, field) -> the label it implies.

    `unjudged`: item id -> nouns of its answer that the benchmark's vocabulary cannot judge.
    """

    name: str
    answers: Mapping[str, str]
    implied: Mapping[tuple[str, str], ImpliedLabel]
    unjudged: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known about the labels of one benchmark.

    `images` is by Item.image; empty where the annotations are not in the data folder. `free_text`: answers are descriptions:
    an object that a checkpoint does not name is not thereby denied, objects without a claim are labelled absent, and the
    reference captions are part of the truth.
    """

    benchmark: str
    items: tuple[Item, ...]
    claims: tuple[Claim, ...]
    image_annotations: Mapping[str, ImageAnnotations] = field(default_factory=dict)
    free_text: bool = False


class ResultKey(NamedTuple):
    """One checkpoint of one run on one benchmark (its title); the same weights may stand in several runs."""

    run_id: str
    label: str
    benchmark: str


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of one benchmark in stored runs, and which of them the answers of each result contradict.

    `clusters`: item id -> the unit that statistics resample; `contradicted`: result -> (item id, field). `unclear`: result ->
    how many answers are scored wrong without implying a label.
    """

    benchmark: str
    claims: tuple[Claim, ...]
    clusters: Mapping[str, str]
    contradicted: Mapping[ResultKey, Sequence[tuple[str, str]]]
    unclear: Mapping[ResultKey, int] = field(default_factory=dict)


@runtime_checkable
class Auditable(Protocol):
    """The further methods of a benchmark whose labels can be audited."""

    free_text: bool  # see Evidence

    version: int  # this, `load` and `score` as every benchmark

    def load(self, data: Data) -> list[Item]: ...
    def score(self, item: Item, answer: Answer) -> Score: ...
    def fields(self, item: Item) -> Sequence[str]: ...  # the item's labels by name
    def claim(self, item: Item, field: str) -> Claim | None: ...  # None: the item has no such label
    def implied_labels(self, item: Item, score: Score) -> Mapping[str, ImpliedLabel]: ...  # field -> label by this answer
    def image_annotations(
        self, data: Data, items: Sequence[Item]
    ) -> Mapping[str, ImageAnnotations]: ...  # by Item.image; empty without files
    def edited(self, item: Item, edit: LabelEdit) -> Item | None: ...  # None: dropped


@runtime_checkable
class LabelFiles(Protocol):
    """The further methods of a benchmark whose revised labels are published in its own file format."""

    def import_labels(self, data: Data, texts: Mapping[str, str], template: LabelEdit) -> list[LabelEdit]: ...
    def export_labels(self, data: Data, edits: Sequence[LabelEdit], name: str) -> dict[str, str]: ...  # file name -> text
