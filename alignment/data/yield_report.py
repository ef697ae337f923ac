"""A source's yield report: what was asked, what became a pair, what it cost, how both sides compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from alignment.data.bdhs_drafts import Draft
from alignment.data.forms.kinds import has_weight
from alignment.data.invalid_pairs import Dropped, table
from alignment.data.noun_counts import Vocabulary, n_words
from harness.core.preference import PreferencePair

BINS = 20  # of the similarity histogram over [0, 1]
EXAMPLES = 10


def yield_report(
    options: dict[str, Any],
    asked: int,
    pairs: Sequence[PreferencePair],
    drafts: Sequence[Draft],
    dropped: Sequence[Dropped],
    vocabulary: Vocabulary | None,
) -> dict[str, Any]:
    """JSON-able; `drafts` are the accepted answers; shares are None where there is nothing to divide by."""
    similar = [d.similarity for d in drafts if d.similarity is not None]
    weighted = sum(has_weight(pair.meta) for pair in pairs)
    return {
        "options": options,
        "asked": asked,
        "accepted": len(pairs),
        "dropped": table(dropped),
        **({"weights_not_used": weighted} if weighted else {}),
        "tries": {str(n): count for n, count in sorted(Counter(d.attempt for d in drafts).items())},
        "unfinished": sum(d.unfinished for d in drafts),
        "similarity": {"mean": mean(similar), "histogram": histogram(similar)},
        "tokens_per_accepted_pair": mean([d.n_tokens for d in drafts if d.n_tokens is not None]),
        "sides": sides(pairs, vocabulary),
        "examples": [pair.id for pair in pairs[:EXAMPLES]],
    }


def left_out(report: Mapping[str, Any]) -> str:
    """ "; left out: ", the rows and answers that became no pair by reason, those of sources inside it too; "" where all did."""
    found, left = Counter[str](), [report]
    while left:
        one = left.pop()
        found.update(one.get("dropped") or {})
        left += [part for part in one.values() if isinstance(part, Mapping) and "dropped" in part]
    listed = ", ".join(f"{reason} {n:,}" for reason, n in found.most_common())
    return f"; left out: {listed}" if listed else ""


def sides(pairs: Sequence[PreferencePair], vocabulary: Vocabulary | None) -> dict[str, Any]:
    """Lengths in words of both sides, and noun mentions where there is a vocabulary."""
    both = [(pair.chosen, rejected) for pair in pairs for rejected in pair.rejected]
    report = {"words": _compared([(n_words(c), n_words(r)) for c, r in both])}
    if vocabulary is not None:
        counts = [(len(vocabulary.mentions(c)), len(vocabulary.mentions(r))) for c, r in both]
        report["mentions"] = _compared(counts)
    return report


def histogram(values: Sequence[float]) -> list[int]:
    """Counts over BINS equal bins of [0, 1]; the last holds 1 itself, the first what is below 0."""
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, max(0, int(value * BINS)))] += 1
    return counts


def mean(values: Sequence[float]) -> float | None:
    return round(fmean(values), 6) if values else None


def _compared(counts: Sequence[tuple[int, int]]) -> dict[str, float | None]:
    return {
        "chosen": mean([c for c, _ in counts]),
        "rejected": mean([r for _, r in counts]),
        "share_equal": mean([float(c == r) for c, r in counts]),
    }
