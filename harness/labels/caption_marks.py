"""People's decisions on one benchmark's captions, found by item, text and the scorer's marks that they were made against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.evaluation import Span
from harness.labels.cases import Vote, caption_field
from harness.labels.votes import Ballots


@dataclass(frozen=True, slots=True)
class CorrectedSpans:
    """The scorer's "invented" spans that are false alarms, its "found" spans that are hallucinations, and hallucinations that
    no span of either kind is on."""

    alarms: int
    found: int
    unseen: int


class CaptionMarks:
    """The captions that people decided on: right or wrong, or too ambiguous to say."""

    def __init__(self, ballots: Ballots, benchmark: str) -> None:
        """benchmark: name of the plug-in, whatever its label in a run."""
        self._read = {(v.item_id, v.field): v for v in ballots.marks() if v.benchmark == benchmark}
        self._ambiguous = {(v.item_id, v.field) for v in ballots.ambiguous_captions() if v.benchmark == benchmark}
        self._texts = {(vote.item_id, vote.answer) for vote in self._read.values()}

    def of(self, item_id: str, text: str, spans: Sequence[Span]) -> Vote | None:
        """The vote whose spans correct the scorer's; None where there is none."""
        vote = self._read.get((item_id, caption_field(text, spans))) if (item_id, text) in self._texts else None
        return vote if vote is not None and vote.answer == text else None

    def is_ambiguous(self, item_id: str, text: str, spans: Sequence[Span]) -> bool:
        return bool(self._ambiguous) and (item_id, caption_field(text, spans)) in self._ambiguous

    def is_of_other_spans(self, item_id: str, text: str, spans: Sequence[Span]) -> bool:
        """The caption was read, but against other marks of the scorer."""
        if (item_id, text) not in self._texts or self.is_ambiguous(item_id, text, spans):
            return False
        return self.of(item_id, text, spans) is None


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
