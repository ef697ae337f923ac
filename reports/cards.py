"""Which flips, captions and pairs a page can show, and their texts cut into marked pieces.

Everything a model said passes through `pieces` or `said`: capped in length, odd characters made visible. Escaping is
the template's (autoescape is on).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from harness.contract import PreferencePair, Span
from reports.comparison import Caption, Comparison, Flip, Side
from reports.wording import shortened

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
    """In turn from each benchmark, column and kind, so that no group crowds out another; new images first."""
    groups: dict[tuple[str, str, str], list[Flip]] = {}
    for flip in flips:
        groups.setdefault((flip.benchmark, flip.column, flip.kind), []).append(flip)
    spread = [_images_in_turn(group) for group in groups.values()]
    turns = (flip for turn in zip_longest(*spread) for flip in turn if flip is not None)
    return [flip for _, flip in zip(range(most), turns, strict=False)]


def _images_in_turn(flips: Sequence[Flip]) -> list[Flip]:
    seen: Counter[str] = Counter()
    ranked = []
    for flip in flips:
        ranked.append((seen[flip.item.image], flip))
        seen[flip.item.image] += 1
    return [flip for _, flip in sorted(ranked, key=lambda pair: pair[0])]


def flip_counts(comparison: Comparison) -> list[tuple[str, str, int, int]]:
    """(benchmark, column, gained, lost)."""
    counts = Counter((flip.benchmark, flip.column, flip.kind) for flip in comparison.flips)
    keys = dict.fromkeys((benchmark, column) for benchmark, column, _ in counts)
    return [(b, c, counts[b, c, "gained"], counts[b, c, "lost"]) for b, c in keys]


def shown_sides(caption: Caption) -> tuple[Side, ...]:
    """The baseline and the first others; a page has room for four."""
    return caption.sides[:MOST_SIDES]


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
