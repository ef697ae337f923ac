"""The study's table 7: accuracy of reward models on held-out pairs, to stand beside reward models of one's own."""

from __future__ import annotations

from collections.abc import Sequence

from reports.values.comparison import PublishedRow

TABLE = "Table 7"
COLUMNS = ("POVID", "RLHF-V", "VLFeedback")  # whose held-out pairs

# Backbone, trained on | share of pairs ranked rightly, as printed. LLaVA-1.6-7B has no row of RLHF-V alone.
_ROWS = """
    LLaVA-1.5-7B, POVID        | 0.99 0.24 0.56
    LLaVA-1.5-7B, RLHF-V       | 0.12 0.86 0.52
    LLaVA-1.5-7B, POVID+RLHF-V | 0.98 0.76 0.53
    LLaVA-1.5-7B, VLFeedback   | 0.61 0.54 0.81
    LLaVA-1.6-7B, POVID        | 0.99 0.34 0.59
    LLaVA-1.6-7B, POVID+RLHF-V | 0.97 0.68 0.63
    LLaVA-1.6-7B, VLFeedback   | 0.76 0.53 0.82
"""


def published_rewards(tables: Sequence[str]) -> tuple[PublishedRow, ...]:
    """Table 7 as printed, where it is one of `tables`: backbone and training data -> share by set of pairs."""
    if TABLE not in tables:
        return ()
    lines = [line.partition("|") for line in _ROWS.strip().splitlines()]
    return tuple(
        PublishedRow(TABLE, method.strip(), dict(zip(COLUMNS, map(float, values.split()), strict=True)))
        for method, _, values in lines
    )
