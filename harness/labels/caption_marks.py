"""People's decisions on one benchmark's captions, found by item, text and the scorer's marks that they were made against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.evaluation import Item, Span
from harness.labels.cases import CAPTION, Vote, about, caption_field
from harness.labels.votes import Ballots


@dataclass(frozen=True, slots=True)
class CorrectedSpans:
    """The scorer's "invented" spans that are false alarms, its "found" spans that are hallucinations, and hallucinations that
    no span of either kind is on."""

    alarms: int
    found: int
    unseen: int


class CaptionMarks:
    """The captions that people decided on: right or wrong, or too ambiguous to say. A vote without `about` is on any image."""

    def __init__(self, ballots: Ballots, benchmark: str) -> None:
        """benchmark: name of the plug-in, whatever its label in a run."""
        self._read = {(v.item_id, v.field, v.about): v for v in ballots.marks() if v.benchmark == benchmark}
        self._ambiguous = {(v.item_id, v.field, v.about) for v in ballots.ambiguous_captions() if v.benchmark == benchmark}
        self._texts = {(vote.item_id, vote.answer, vote.about) for vote in self._read.values()}

    def of(self, item: Item, text: str, spans: Sequence[Span]) -> Vote | None:
        """The vote whose spans correct the scorer's; None where there is none."""
        if not self._is_read(item, text):
            return None
        found = (self._read.get((item.id, caption_field(text, spans), digest)) for digest in _digests(item))
        return next((vote for vote in found if vote is not None and vote.answer == text), None)

    def is_ambiguous(self, item: Item, text: str, spans: Sequence[Span]) -> bool:
        field = caption_field(text, spans) if self._ambiguous else ""
        return bool(field) and any((item.id, field, digest) in self._ambiguous for digest in _digests(item))

    def is_of_other_spans(self, item: Item, text: str, spans: Sequence[Span]) -> bool:
        """The caption was read, but against other marks of the scorer."""
        if not self._is_read(item, text) or self.is_ambiguous(item, text, spans):
            return False
        return self.of(item, text, spans) is None

    def _is_read(self, item: Item, text: str) -> bool:
        return bool(self._texts) and any((item.id, text, digest) in self._texts for digest in _digests(item))


def _digests(item: Item) -> tuple[str, str]:
    return about(item, CAPTION, free_text=True), ""


def corrected_spans(spans: Sequence[Span], marks: Sequence[Span]) -> CorrectedSpans:
    """What marks change. A mark counts the scorer's spans that it covers, each once; where it covers none it is one object.

    A "missed" mark on an "invented" span changes nothing, nor does a "false alarm" on any other word.
    """
    invented, found = ([span for span in spans if span.kind == kind] for kind in ("invented", "found"))
    alarms, missed = ([mark for mark in marks if mark.kind == kind] for kind in ("false alarm", "missed"))
    unseen = sum(not any(overlap(mark, span) for span in (*invented, *found)) for mark in missed)
    return CorrectedSpans(_covered(invented, alarms), _covered(found, missed), unseen)


def _covered(spans: Sequence[Span], marks: Sequence[Span]) -> int:
    return sum(any(overlap(mark, span) for mark in marks) for span in spans)


def overlap(one: Span, other: Span) -> bool:
    """Whether two spans have characters in common."""
    return one.start < other.end and other.start < one.end
