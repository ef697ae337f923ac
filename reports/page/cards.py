"""Which flips, captions and pairs a page can show, and their texts cut into marked pieces.

All text of models passes through `pieces` or `said`: capped in length, odd characters made visible. Escaping is
the template's (autoescape is on).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from harness.core.evaluation import Span
from harness.core.preference import PreferencePair
from reports.text.formatting import shortened
from reports.values.comparison import Comparison
from reports.values.details import Caption, Flip, Side

MOST_FLIPS, MOST_CAPTIONS, MOST_SIDES = 60, 24, 4
MOST_CHARS = 1200
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text; `kind` is "", a span's kind, or "changed"."""

    text: str
    kind: str = ""
    node: str = ""


def said(text: str) -> str:
    """A model's words, safe to lay out."""
    return shortened(text, MOST_CHARS)


def pieces(text: str, spans: Iterable[Span]) -> list[Piece]:
    """The text cut at its spans; where two overlap the earlier one wins. Spans past the cap are left out."""
    kept = text[:MOST_CHARS]
    found, at = [], 0
    for span in spans:
        start, end = max(span.start, at), min(span.end, len(kept))
        if start >= end:
            continue
        if start > at:
            found.append(Piece(said(kept[at:start])))
        found.append(Piece(said(kept[start:end]), span.kind, span.node))
        at = end
    rest = text[at:]
    if rest:
        found.append(Piece(shortened(rest, MOST_CHARS - at) if len(text) > MOST_CHARS else said(rest)))
    return found


def chosen_flips(flips: Sequence[Flip], most: int = MOST_FLIPS) -> list[Flip]:
    """In turn from every benchmark and kind, there from column after column; images that were not shown yet first."""
    kinds: dict[tuple[str, str], dict[str, list[Flip]]] = {}
    for flip in flips:
        kinds.setdefault((flip.benchmark, flip.kind), {}).setdefault(flip.column, []).append(flip)
    queues = [_turned(list(columns.values()), k) for k, columns in enumerate(kinds.values())]
    seen: Counter[str] = Counter()
    chosen: list[Flip] = []
    while len(chosen) < most and (queues := [groups for groups in queues if groups]):
        for groups in queues[: most - len(chosen)]:
            group = groups.pop(0)
            flip = min(group, key=lambda flip: seen[flip.item.image])  # the first of the least seen
            group.remove(flip)
            seen[flip.item.image] += 1
            chosen.append(flip)
            if group:
                groups.append(group)
    return chosen


def _turned(groups: list[list[Flip]], by: int) -> list[list[Flip]]:
    """Begin with another column for each kind, so that a page of few shows many columns."""
    start = by % len(groups)
    return groups[start:] + groups[:start]


@dataclass(frozen=True, slots=True)
class FlipCount:
    """Items gained and lost, and the rows that they stand for in the metrics."""

    gained: int
    lost: int
    gained_rows: int
    lost_rows: int

    @property
    def in_rows(self) -> bool:
        """Whether some item counts more than once, so that the rows have to be named beside the items."""
        return (self.gained, self.lost) != (self.gained_rows, self.lost_rows)


def flip_counts(comparison: Comparison) -> tuple[list[str], list[tuple[str, list[FlipCount | None]]]]:
    """Benchmarks, and for each column its counts benchmark by benchmark; None where nothing flipped."""
    counts = Counter((flip.benchmark, flip.column, flip.kind) for flip in comparison.flips)
    rows = Counter[tuple[str, str, str]]()
    for flip in comparison.flips:
        rows[flip.benchmark, flip.column, flip.kind] += flip.rows
    benchmarks = list(dict.fromkeys(benchmark for benchmark, *_ in counts))
    columns = list(dict.fromkeys(column for _, column, _ in counts))
    lines = []
    for column in columns:
        made = [FlipCount(*(n[b, column, kind] for n in (counts, rows) for kind in ("gained", "lost"))) for b in benchmarks]
        lines.append((column, [one if one.gained or one.lost else None for one in made]))
    return benchmarks, lines


def shown_sides(caption: Caption) -> tuple[Side, ...]:
    """The baseline and the others whose inventions changed most, in the columns' order; a page shows four."""
    first, *others = caption.sides
    changed = sorted(others, key=lambda side: -abs(side.count("invented") - first.count("invented")))
    kept = {side.column for side in changed[: MOST_SIDES - 1]}
    return (first, *(side for side in others if side.column in kept))


def word_difference(pair: PreferencePair) -> tuple[list[Piece], list[Piece]]:
    """Chosen and (first) rejected answer, the words that differ marked."""
    old, new = (_WORDS.findall(text[:MOST_CHARS]) for text in (pair.chosen, pair.rejected[0] if pair.rejected else ""))
    left: list[Piece] = []
    right: list[Piece] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        marked = "" if kind == "equal" else "changed"
        if b > a:
            left.append(Piece(said("".join(old[a:b])), marked))
        if d > c:
            right.append(Piece(said("".join(new[c:d])), marked))
    return left, right
