"""Items without an answer, in sentences: which, and why."""

from __future__ import annotations

from reports.text.formatting import title_of
from reports.values.comparison import Comparison

_REASONS, _IDS = 12, 4  # shown of each


def missing_lines(comparison: Comparison) -> list[str]:
    """A line for each benchmark, column and reason; empty where every item was answered."""
    lines = []
    for failed in comparison.failures:
        reasons = list(failed.missing_why.items())
        for why, items in reasons[:_REASONS]:
            more = f" and {len(items) - _IDS:,} more" if len(items) > _IDS else ""
            listed = ", ".join(items[:_IDS])
            word = "item" if len(items) == 1 else "items"
            lines.append(
                f"{title_of(failed.benchmark)}, {failed.column}: {len(items):,} {word} missing ({listed}{more}): {why}"
            )
        if len(reasons) > _REASONS:
            rest = sum(len(items) for _, items in reasons[_REASONS:])
            lines.append(f"{title_of(failed.benchmark)}, {failed.column}: {rest:,} more items missing for other reasons")
    return lines
