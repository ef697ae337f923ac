"""How a scorer's list of hallucinated nouns agrees with the marks that people made in the same captions.

The unit is a distinct noun of a caption. Listed: the scorer marked it "invented". A listed noun with a "false alarm" is wrong;
a "missed" mark on any other word is a hallucinated noun that the list lacks. A mark on an object that another metric covers
(kind "covered") is no fault of the list and is counted apart. The captions must have been drawn at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.evaluation import Span
from harness.labels.caption_marks import overlap
from harness.labels.estimates.proportions import Share, clustered


@dataclass(frozen=True, slots=True)
class MarkedCaption:
    """A caption with the scorer's spans and with people's marks; captions of one `image` hang together."""

    image: str
    text: str
    spans: tuple[Span, ...]
    marks: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class NounAgreement:
    """precision: of the listed nouns, those that people let stand. recall: of the nouns that people call hallucinated, those
    that are listed. Intervals are over images; None where nothing is listed, or nothing was hallucinated.

    covered: marks on objects that another metric covers, in neither.
    """

    captions: int
    images: int
    precision: Share
    recall: Share
    covered: int


def noun_agreement(captions: Sequence[MarkedCaption]) -> NounAgreement | None:
    """None without captions that people marked."""
    if not captions:
        return None
    listed: list[tuple[bool, str]] = []  # right, image
    true: list[tuple[bool, str]] = []  # listed, image
    covered = 0
    for caption in captions:
        right, wrong, missed, apart = _nouns(caption)
        listed += [(noun in right, caption.image) for noun in sorted(right | wrong)]
        true += [(noun in right, caption.image) for noun in sorted(right | missed)]
        covered += apart
    precision, recall = (clustered([hit for hit, _ in rows], [image for _, image in rows]) for rows in (listed, true))
    return NounAgreement(len(captions), len({c.image for c in captions}), precision, recall, covered)


def _nouns(caption: MarkedCaption) -> tuple[set[str], set[str], set[str], int]:
    """Distinct nouns rightly listed, wrongly listed and missed, and the number of marks on covered objects."""
    listed = {_text(caption, span) for span in caption.spans if span.kind == "invented"}
    wrong, missed, covered = set[str](), set[str](), 0
    for mark in caption.marks:
        at = [span for span in caption.spans if overlap(span, mark)]
        kinds = {span.kind for span in at}
        if mark.kind == "false alarm":
            wrong |= {_text(caption, span) for span in at if span.kind == "invented"}
        elif kinds == {"covered"}:
            covered += 1
        elif "invented" not in kinds:
            missed |= {_text(caption, span) for span in at if span.kind == "found"} or {_text(caption, mark)}
    return listed - wrong, wrong, missed - listed, covered


def _text(caption: MarkedCaption, span: Span) -> str:
    return caption.text[span.start : span.end].lower()
