"""Which models answered where a server was asked for one: providers may fall back on another without a word."""

from __future__ import annotations

from collections.abc import Mapping

from reports.text.formatting import listing, shortened, title_of
from reports.values.comparison import Comparison

OTHER_MODELS = "Replies name another model, or several"
_MOST = 4  # named


def reply_lines(comparison: Comparison) -> list[str]:
    """A line for each column and set of models, where replies name another model than was asked for, or several ones."""
    lines: dict[tuple[str, str, str], list[str]] = {}
    for failed in comparison.failures:
        for replies in failed.replies:
            if replies.others or len(replies.named) > 1:
                lines.setdefault((failed.column, replies.what, _told(replies.asked, replies.named)), []).append(
                    title_of(failed.benchmark)
                )
    return [f"{what} of {column} on {listing(where, _MOST)}: {told}" for (column, what, told), where in lines.items()]


def _told(asked: str, named: Mapping[str, int]) -> str:
    total = sum(named.values())
    counts = [f"{shortened(name, 60)} ({n:,} of {total:,})" for name, n in sorted(named.items(), key=lambda one: -one[1])]
    return f"asked for {shortened(asked, 60) or 'an unknown model'}, replies name {listing(counts, _MOST)}"
