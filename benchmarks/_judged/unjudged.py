"""The score of an answer without a verdict: it adds to "items" alone and is never counted as 0.

Official rules make a number of any reply; where that is not what the reply states, the score is flagged.
"""

from __future__ import annotations

from harness.core import flags
from harness.core.evaluation import Item, Score, Verdict


def unjudged(item: Item, verdict: Verdict | None, what: str) -> Score:
    """`what`: what the judge's reply should have stated. Without a reply, the reason is the judge's own."""
    if verdict is not None and not verdict.raw:
        why = verdict.reading or "the judge gave no reply"
    else:
        known = verdict is not None and verdict.value is None and verdict.reading not in ("", "unreadable")
        why = f"no {what} in the judge's reply" + (f" ({verdict.reading})" if verdict is not None and known else "")
    return Score(item.id, {"items": 1.0}, flag=flags.UNJUDGED, why=why, verdict=verdict)


def official_flag(official: object, stated: object) -> str:
    """The flag of a score by an official rule; `stated`: what a careful reader finds in the same reply, None for nothing."""
    return "" if official == stated else flags.UNREAD_VERDICT
