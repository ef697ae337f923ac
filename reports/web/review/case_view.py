"""A case as its page shows it: caption cut into words, boxes on the image's grid, answers that are alike together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from harness.core.errors import ConfigError
from harness.core.evaluation import Span
from harness.labels.cases import NOUN, VERDICT, Box, Case, Vote
from reports.text.formatting import shortened
from reports.web.review.desk import Desk

MOST_CAPTION = 20_000  # characters of a caption that are shown: each word is an element of the page
_WORDS = re.compile(r"\s+|\w+(?:['\u2019-]\w+)*|[^\w\s]")
_JUDGEMENT_NAMES = {"right": "right", "wrong": "wrong", "ambiguous": "ambiguous", "skip": "skipped"}


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch of a caption; `kind` is the scorer's mark, `mark` the reviewer's. Offsets count characters, as spans do.

    `joined`: the reviewer's mark began at a token before this one.
    """

    text: str
    start: int
    end: int
    kind: str = ""
    mark: str = ""
    joined: bool = False

    @property
    def can_be_marked(self) -> bool:
        return self.text[:1].isalnum()


@dataclass(frozen=True, slots=True)
class Drawn:
    """A box on the image, with its name. `asked`: the question names it; `x`, `y`: where the name's line begins, in pixels of
    the image."""

    box: Box
    asked: bool
    name: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class CaseView:
    """What one reviewer may see of one case. `others` and `answers` are empty until they may be seen.

    `own`: the reviewer's vote, a skip too; `judged`: it judges.
    """

    case: Case
    id: str
    position: int
    own: Vote | None
    judged: bool
    settled: Vote | None
    size: tuple[int, int] | None
    boxes: tuple[Drawn, ...]
    answers: tuple[tuple[str, tuple[str, ...]], ...]
    others: tuple[Vote, ...] = ()

    @property
    def left_out(self) -> int:
        """Characters of the caption that the page does not show."""
        return max(0, len(self.case.caption) - MOST_CAPTION)

    def tokens(self, vote: Vote | None) -> list[Token]:
        return tokens(self.case.caption[:MOST_CAPTION], self.case.spans, vote.spans if vote else ())


def case_view(desk: Desk, position: int, reviewer: str, adjudicating: bool = False) -> CaseView:
    """The others' votes only where the reviewer adjudicates, the answers only after a judgement of their own."""
    case, standing = desk.cases[position], desk.standing(position)
    judged = desk.has_judged(position, reviewer)
    size = desk.shelf.size(case.image)
    boxes = drawn_boxes(case.boxes, case.question, size) if size else ()
    return CaseView(
        case=case,
        id=desk.ids[position],
        position=position,
        own=standing.votes.get(reviewer),
        judged=judged,
        settled=standing.settled,
        size=size,
        boxes=boxes,
        answers=alike(case.answers) if judged else (),
        others=tuple(standing.votes.values()) if adjudicating and judged else (),
    )


def letters(size: tuple[int, int]) -> float:
    """Height of a name on an image of this width and height, in its pixels."""
    return max(size) / 42


def drawn_boxes(boxes: Iterable[Box], question: str, size: tuple[int, int]) -> tuple[Drawn, ...]:
    """Each name stands above the upper left corner of its box; lower or, at the bottom of the image, higher by lines where it
    would cover another name. Where no line is free it covers one: outside the image nobody would see it."""
    found: list[Drawn] = []
    height = letters(size)
    for box in boxes:
        name = shortened(box.name, 40) + (" (crowd)" if box.crowd else "")
        asked = bool(re.search(rf"\b{re.escape(box.name)}\b", question))
        first = Drawn(box, asked, name, box.x + height / 4, max(box.y - 0.3 * height, height))
        below, above = int((size[1] - first.y) / height), int(first.y / height)  # lines within the image
        lines = [first.y + line * height for line in (*range(below + 1), *range(-1, -above, -1))]
        places = (replace(first, y=y) for y in lines)
        free = (place for place in places if not any(_covers(place, other, height) for other in found))
        found.append(next(free, first))
    return tuple(found)


def _covers(one: Drawn, other: Drawn, height: float) -> bool:
    """A letter is about 0.6 of its height wide."""
    left, right = sorted((one, other), key=lambda drawn: drawn.x)
    return abs(one.y - other.y) < 0.95 * height and right.x < left.x + 0.6 * height * len(left.name)


def alike(answers: Mapping[str, str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(answer, the checkpoints that gave it), the commonest first."""
    groups: dict[str, list[str]] = {}
    for checkpoint, answer in answers.items():
        groups.setdefault(answer.strip(), []).append(checkpoint)
    return tuple((text, tuple(names)) for text, names in sorted(groups.items(), key=lambda group: -len(group[1])))


def tokens(text: str, spans: Iterable[Span], marks: Iterable[Span]) -> list[Token]:
    """The text cut into the scorer's spans and the words between them; a mark covers every token that it touches."""
    marks = tuple(marks)
    found: list[Token] = []
    at = 0
    for span in sorted(spans, key=lambda span: span.start):
        start, end = max(span.start, at), min(span.end, len(text))
        if start < end:
            found += [*_words(text, at, start), Token(text[start:end], start, end, span.kind)]
            at = end
    found += _words(text, at, len(text))
    return [_marked(token, marks) for token in found]


def _words(text: str, start: int, end: int) -> list[Token]:
    return [Token(m.group(), m.start(), m.end()) for m in _WORDS.finditer(text, start, end)]


def _marked(token: Token, marks: tuple[Span, ...]) -> Token:
    mark = next((m for m in marks if m.start < token.end and token.start < m.end), None)
    return token if mark is None else replace(token, mark=mark.kind, joined=mark.start < token.start)


def read_marks(text: str) -> tuple[Span, ...]:
    """Marks as the page sends them, [[start, end, kind], ...]. Raises ConfigError for anything else."""
    try:
        rows = json.loads(text or "[]")
        spans = [Span(start, end, kind) for start, end, kind in rows]
    except (ValueError, TypeError, RecursionError):
        raise ConfigError("The marks of this form cannot be read. Load the page again.") from None
    if not all(type(s.start) is int and type(s.end) is int and isinstance(s.kind, str) for s in spans):
        raise ConfigError("The marks of this form cannot be read. Load the page again.")
    return tuple(sorted(spans, key=lambda span: span.start))


def statement(case: Case) -> tuple[str, str]:
    """What is to be judged: ("The label says", "no"); the second is "" where there is no label."""
    if case.field.startswith(NOUN):
        return "No label: the benchmark does not judge this word. Is the object in the image?", ""
    return ("The judge rates it", case.label) if case.field.startswith(VERDICT) else ("The label says", case.label)


def buttons(case: Case) -> tuple[str, str]:
    """What "right" and "wrong" are called on this case."""
    if case.caption:
        return "The marks are right", "Keep my marks"
    return ("It is there", "It is not") if case.field.startswith(NOUN) else ("Right", "Wrong")


def judgement_name(judgement: str) -> str:
    """'skip' -> 'skipped'."""
    return _JUDGEMENT_NAMES.get(judgement, judgement)
