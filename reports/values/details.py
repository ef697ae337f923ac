"""What stands behind the numbers, as plain frozen values: items, captions, confusions, failures, protocol differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.core.edge.model_names import is_another
from harness.core.evaluation import Item, Span

OBJECT, QUESTION_TYPE = "object", "type of question"  # what reports count wrong answers by


@dataclass(frozen=True, slots=True)
class ProtocolDifference:
    """A fact in which a column's protocol differs from the baseline's."""

    benchmark: str
    column: str
    fact: str
    baseline: str
    other: str


@dataclass(frozen=True, slots=True)
class Replies:
    """The models that a server's replies name (name -> replies), and the one asked for. `what`: answers, or verdicts."""

    what: str
    asked: str
    named: Mapping[str, int]

    @property
    def others(self) -> tuple[str, ...]:
        """Those that are plainly another model."""
        return tuple(name for name in self.named if is_another(self.asked, name))


@dataclass(frozen=True, slots=True)
class UnknownProtocol:
    """Facts of how a column was measured that are not known: its answers came from files, which do not tell them."""

    benchmark: str
    column: str
    facts: tuple[str, ...]


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
    missing_why: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # reason -> ids of the items
    unjudged_why: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the same of answers without a verdict
    reasoned: int = 0  # answers with reasoning in front, which is not scored
    reasoning_words: float | None = None  # its mean length; None where there is none
    from_files: bool = False  # the answers were read from files: none is asked for again
    replies: tuple[Replies, ...] = ()
    labels: str = ""  # how the labels of the file that the answers came from differ from those that they are scored against
    repeated: str = ""  # how many rows of the question file repeat another, and what they count
    unread_counts: str = ""  # as what the variant counts verdicts that could not be read with certainty, in words


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
    subject: str = ""  # the object or type that the item asks about
    truth: str = ""
    rows: int = 1  # how often the metrics count the item


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
class ObjectCount:
    """One object in one column. For captions: right / invented mentions; for yes/no items: the confusion, and "unread" ones.

    Counts of a method, those of `seen_with` too, are means over its seeds. `about` QUESTION_TYPE: `subject` is a type of yes/no
    questions that do not ask whether an object is in the image; the positive class is yes.
    """

    benchmark: str
    subject: str
    column: str
    counts: Mapping[str, float]
    seen_with: Mapping[str, float] = field(default_factory=dict)  # true objects around its inventions, in how many images
    about: str = OBJECT


@dataclass(frozen=True, slots=True)
class Bin:
    """Yes/no questions with about the same predicted probability of yes: how many, its mean, the share of true yes.

    low, high: the share's 95 % interval over images, None where there are too few of them.
    """

    n: float
    mean_p: float
    yes: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far one column's probabilities of yes can be taken at their word: bins that hold a question, by rising p.

    `n` of a method's bins is a mean over its seeds.
    """

    benchmark: str
    column: str
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Answered yes/no questions of one slice ("" where there is one only) in one column, by label and reading.

    Positive is yes; `unread_yes`, `unread_no`: that label, and an answer that was read as neither. Counts of a method are means
    over its seeds.
    """

    benchmark: str
    group: str
    column: str
    tp: float
    fp: float
    tn: float
    fn: float
    unread_yes: float = 0.0
    unread_no: float = 0.0
